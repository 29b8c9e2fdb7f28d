"""Injecting every fault into a file, and holding verdict and diagnosis against what was injected."""

from __future__ import annotations

import importlib.util
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from backproof.core.errors import InputError
from backproof.core.files import read_source
from backproof.derivation.check import Session
from backproof.derivation.process import UserProcess
from backproof.derivation.report import Gradient
from backproof.verdicts.judgement import Verdict
from tools.diagnosis_power.faults import injected
from tools.diagnosis_power.results import returned
from tools.diagnosis_power.source import Derived

SECONDS = 60.0
FORMS = frozenset({"shape", "transpose", "missing-reduction", "wrong-axis"})


@dataclass(frozen=True)
class Trial:
    """One gradient under one injected fault: what was found, and what is right."""

    file: str
    text: str
    name: str
    wrong: bool  # whether the fault changed this gradient at all
    verdict: Verdict
    kind: str | None
    expected: frozenset[str]
    factor_right: bool = True

    @property
    def verdict_right(self) -> bool:
        return self.verdict is (Verdict.FAIL if self.wrong else Verdict.PASS)

    @property
    def diagnosis_right(self) -> bool:
        return self.kind in self.expected and self.factor_right


@dataclass(frozen=True)
class Variant:
    """A function of the extended file, with what it was made by."""

    hand: str
    text: str
    kinds: frozenset[str]
    source: str


def variants(path: Path) -> list[Variant]:
    """Every fault that applies to the file, as functions to append to it."""
    with UserProcess(str(path), SECONDS) as user:
        session = Session(user)
        arrays, model = session.samples[0].arrays, session.model
    derived = Derived.parse(read_source(path))
    shapes = _local_shapes(path, derived, arrays)
    params = {axis for p in model.params for axis in model.shapes[p].split()}
    examples = "m" in model.letters and "m" not in params
    found: list[Variant] = []
    for fault in injected(derived, shapes, examples):
        suffix = f"__{len(found)}"
        found.append(Variant(f"gradients{suffix}", fault.text, fault.kinds, derived.variant(suffix, fault.function)))
    for result in returned(model, {name: arrays[name].shape for name in model.params}):
        hand = f"gradients__{len(found)}"
        found.append(Variant(hand, f"{result.name}: {result.expression}", result.kinds, result.source(hand)))
    return found


def _local_shapes(path: Path, derived: Derived, arrays: Mapping[str, Any]) -> dict[str, dict[str, tuple[int, ...]]]:
    """The shapes of every array variable of the hand derivation's functions, as they run."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    shapes: dict[str, dict[str, tuple[int, ...]]] = {}

    def watch(frame: Any, event: str, argument: Any) -> None:
        name = frame.f_code.co_name
        if event == "return" and frame.f_code.co_filename == str(path) and name in derived.functions:
            local = {n: v.shape for n, v in frame.f_locals.items() if isinstance(v, np.ndarray)}
            shapes[name] = {n: s for n, s in local.items() if s}

    taken = derived.functions["gradients"].args.args
    sys.setprofile(watch)
    try:
        module.gradients(**{a.arg: arrays[a.arg] for a in taken if a.arg in arrays})
    finally:
        sys.setprofile(None)
    return shapes


def measure(path: Path, step: int = 1) -> Iterator[Trial]:
    """Try every `step`-th fault of the file; a fault whose code cannot run is none."""
    found = variants(path)[::step]
    text = read_source(path) + "\n\n" + "\n\n".join(v.source for v in found)
    with tempfile.TemporaryDirectory() as folder:
        extended = Path(folder) / path.name
        extended.write_text(text, encoding="utf-8")
        with UserProcess(str(extended), SECONDS) as user:
            session = Session(user)
            for variant in found:
                try:
                    judged = session.judge(variant.hand)
                except InputError:
                    continue
                for name, gradient in judged.items():
                    yield _trial(path, session, variant, name, gradient)


def _trial(path: Path, session: Session, variant: Variant, name: str, gradient: Gradient) -> Trial:
    diagnosis = gradient.diagnosis
    kind = diagnosis.kind if diagnosis else None
    form = kind in FORMS and gradient.judgement is None
    pairs = [(s.answers[name], s.truths[name]) for s in session.samples if name in s.answers]
    if form or not pairs:
        expected = variant.kinds | (FORMS if form else frozenset())
        return Trial(path.stem, variant.text, name, True, gradient.verdict, kind, expected)
    wrong = any(_differ(u, t) for u, t in pairs)
    ratios = [_ratio(u, t) for u, t in pairs]
    expected, factor_right = variant.kinds, True
    if all(not np.any(u) for u, _ in pairs):
        expected = frozenset({"zero"})
    elif None not in ratios and _constant(session, ratios, [name in s.answers for s in session.samples]):
        expected = frozenset({"factor"})
        if diagnosis and diagnosis.factor:
            dims = [{**s.graph.dims} for s in session.samples]
            scalars = [{n: float(a) for n, a in s.arrays.items() if a.shape == ()} for s in session.samples]
            named = [_value(diagnosis.factor, {**d, **c}) for d, c in zip(dims, scalars, strict=True)]
            factor_right = bool(np.allclose(named, np.asarray(ratios, float), rtol=1e-9, atol=0))
    elif "factor" in expected:
        expected -= {"factor"}
    return Trial(path.stem, variant.text, name, wrong, gradient.verdict, kind, expected, factor_right)


def _differ(u: Any, t: Any) -> bool:
    return not bool(np.allclose(u, t, rtol=1e-9, atol=1e-9 * float(np.abs(t).max())))


def _constant(session: Session, ratios: Sequence[float | None], answered: Sequence[bool]) -> bool:
    """Whether the samples of one shape, and of the same data that are one number, agree on the ratio."""
    samples = [s for s, there in zip(session.samples, answered, strict=True) if there]
    first = [(r or 0.0, s.arrays) for r, s in zip(ratios, samples, strict=True) if s.graph is samples[0].graph]
    scalars = [n for n in session.model.data if session.model.shapes[n] == ""]
    forms = [[r for r, _ in first], *([r * float(a[n]) ** p for r, a in first] for n in scalars for p in (1, -1))]
    return any(np.allclose(form, form[0], rtol=1e-9, atol=0) for form in forms)


def _ratio(u: Any, t: Any) -> float | None:
    """The constant that u is times t, or None."""
    if not np.isfinite(u).all() or not np.any(t):
        return None
    c = float(np.vdot(t, u) / np.vdot(t, t))
    return c if np.allclose(u, c * t, rtol=1e-9, atol=1e-9 * float(np.abs(u).max())) else None


def _value(expression: str, names: Mapping[str, float]) -> float:
    return float(eval(expression, {"__builtins__": {}, "sqrt": np.sqrt}, dict(names)))
