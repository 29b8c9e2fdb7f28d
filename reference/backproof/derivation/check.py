"""Checking a derivation: the truth at several shapes and seeds, a verdict per gradient, and what went wrong."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from backproof.conformance.verdict import Judgement, Verdict, judge
from backproof.derivation.diagnosis.diagnose import Diagnosis, Diagnostician
from backproof.derivation.form import form
from backproof.derivation.ladder import Cause, Climb, climb
from backproof.derivation.oracles import Oracles
from backproof.derivation.process import UserProcess
from backproof.derivation.samples import EXACT_SIZES, Sample, build, draw, sizes
from backproof.errors import InputError
from backproof.models.model import Model
from backproof.truth.exact import Undecided

SLIGHT = 2.0**-20  # of the truth: float32 would hardly show it; a weak form may lose as much in float64
SECONDS = 10.0  # what any one call into the user's file may take
AFTER = 2  # parts of a check after the samples' truths: the gradients, the second opinions

Watch = Callable[[int, int, str], None]


def _unwatched(done: int, total: int, what: str) -> None:
    pass


@dataclass(frozen=True)
class Gradient:
    """One gradient's verdict, with its numbers at the worst component of the worst sample."""

    name: str
    verdict: Verdict
    shape: tuple[int, ...] | None
    axes: str | None  # the letters of its shape
    where: str | None = None  # the sample's sizes
    judgement: Judgement | None = None
    diagnosis: Diagnosis | None = None
    reason: str | None = None  # why it is inconclusive
    weakness: str | None = None  # right, but in a form that loses digits
    tap: bool = False
    sample: Sample | None = field(default=None, repr=False, compare=False)


@dataclass(frozen=True)
class Result:
    """What `check` found."""

    path: str
    verdict: Verdict
    gradients: Mapping[str, Gradient]
    oracles: Mapping[str, Any]
    notes: Sequence[str] = field(default_factory=tuple)
    seconds: float = 0.0

    def _repr_html_(self) -> str:
        from backproof.derivation.report import as_html

        return as_html(self)


class Session:
    """A file in its process, with the samples and the truth there; any function of it can be judged against them."""

    def __init__(self, user: UserProcess, seed: int = 0, hand: str = "gradients", watch: Watch = _unwatched) -> None:
        description = user.load(hand)
        self.user, self.seed, self.source = user, seed, description["source"]
        self.model = Model(description["name"], description["shapes"], tuple(description["params"]), _none, _none)
        self.samples, self.notes = _decided(draw(user, self.model, seed), watch)

    def judge(self, hand: str = "gradients") -> dict[str, Gradient]:
        """The gradients that the function `hand` of the file returns, judged and diagnosed. Raises InputError."""
        if not self.samples:
            return {name: _kink(name, self.model, self.notes[0]) for name in self.model.params}
        for sample in self.samples:
            sample.answers = self.user.ask("gradients", sample.arrays, "float64", hand)
        return _judged(self, hand)


def check(
    path: str,
    seconds: float = SECONDS,
    seed: int = 0,
    oracles: bool = True,
    hand: str = "gradients",
    watch: Watch = _unwatched,
) -> Result:
    """Check the derivation in the file `path`, its function `hand`. Raises InputError where it cannot be checked.

    `seconds` limits every call into the file; `oracles` asks PyTorch, JAX and the complex step too. `watch` is told
    how many parts of how many are done, and what comes next.
    """
    start = time.perf_counter()
    with UserProcess(path, seconds) as user, Oracles(path) if oracles else nullcontext() as others:
        session = Session(user, seed, hand, watch)
        count = len(session.samples)
        watch(count, count + AFTER, "the gradients")
        gradients = session.judge(hand)
        watch(count + 1, count + AFTER, "second opinions")
        said: dict[str, Any] = {}
        if session.samples:
            said = {"certified": _certified(session.samples), **(others.ask(user, session.samples) if others else {})}
        verdict = max((g.verdict for g in gradients.values()), key=lambda v: v.gravity)
        return Result(path, verdict, gradients, said, session.notes, time.perf_counter() - start)


def _none(*_: Any, **__: Any) -> Any:
    raise AssertionError("the user's functions run in the user's process")


def _decided(samples: Sequence[Sample], watch: Watch) -> tuple[list[Sample], list[str]]:
    """The samples at which the truth exists, and what is to say of the others."""
    kept, notes = [], []
    for number, sample in enumerate(samples):
        watch(number, len(samples) + AFTER, f"the truth at {sample.where}")
        try:
            sample.quantities  # noqa: B018 (computed here, once)
        except Undecided as kink:
            notes.append(f"at {sample.where} (seed {sample.seed}): {kink}")
        else:
            kept.append(sample)
    return kept, notes


def _kink(name: str, model: Model, note: str) -> Gradient:
    return Gradient(name, Verdict.INCONCLUSIVE, None, model.shapes[name], reason=f"no truth: {note}")


def _certified(samples: Sequence[Sample]) -> dict[str, Any]:
    worst = max(
        float(ball.rad()) / max(float(abs(ball.mid())), 1e-300)
        for s in samples
        for q in s.quantities.values()
        for ball in q.value.flat
        if ball.mid() != 0
    )
    return {"status": "agrees", "samples": len(samples), "digits": int(-np.log10(max(worst, 1e-300)))}


def _judged(session: Session, hand: str) -> dict[str, Gradient]:
    model, samples = session.model, session.samples
    malformed: dict[str, Gradient] = {}
    for sample in samples:
        for name, diagnosis in form(model, sample, sample.answers).items():
            values = sample.answers.get(name, (None, ""))[0]
            shape = None if values is None else values.shape
            malformed.setdefault(
                name, Gradient(name, Verdict.FAIL, shape, model.shapes.get(name), sample.where, None, diagnosis)
            )
    names = [n for n in samples[0].graph.trace.gradients if n in samples[0].answers and n not in malformed]
    for sample in samples:
        sample.answers = {name: sample.answers[name][0] for name in names}
    judged = _weighed(session, hand, {name: _value(model, name, samples) for name in names})
    wrong = [n for n, g in judged.items() if g.verdict is Verdict.FAIL and g.diagnosis is None]
    if wrong:
        from backproof.derivation.diagnosis.chain import steps

        finite = [s for s in samples if all(np.isfinite(s.answers[n]).all() for n in names)]
        found = Diagnostician(model, session.source, finite or samples).diagnose(wrong)
        found = steps(samples[0], judged, found)
        judged |= {name: replace(judged[name], diagnosis=diagnosis) for name, diagnosis in found.items()}
    everything = {**judged, **malformed}
    ordered = [*samples[0].graph.trace.gradients, *malformed]
    return {name: everything[name] for name in dict.fromkeys(ordered) if name in everything}


def _value(model: Model, name: str, samples: Sequence[Sample]) -> Gradient:
    """The gravest judgement over the samples; of equal ones, that with the largest error over its bound."""
    judged = [(judge(s.answers[name], "float64", s.quantities[name], "float64"), s) for s in samples]
    passed = any(j.verdict is Verdict.PASS for j, _ in judged)

    def gravity(item: tuple[Judgement, Sample]) -> tuple[int, float]:
        j = item[0]
        hidden = passed and j.verdict is Verdict.INCONCLUSIVE and not _exceeds(j)  # one sample told, another could not
        return (-1 if hidden else j.verdict.gravity, (j.error or 0.0) / j.bound if j.bound else 0.0)

    worst, sample = max(judged, key=gravity)
    diagnosis = Diagnosis(worst.diagnosis.kind, worst.diagnosis.text) if worst.diagnosis else None
    shape = sample.answers[name].shape
    tap = name not in model.shapes
    axes = model.shapes.get(name)
    return Gradient(name, worst.verdict, shape, axes, sample.where, worst, diagnosis, worst.reason, None, tap, sample)


def _exceeds(judgement: Judgement) -> bool:
    return judgement.error is not None and judgement.bound is not None and judgement.error > judgement.bound


def _weighed(session: Session, hand: str, judged: dict[str, Gradient]) -> dict[str, Gradient]:
    """Errors beyond the bound are weighed on the precision ladder: a mistake fails, rounding does not."""
    beyond = [n for n, g in judged.items() if g.judgement and _exceeds(g.judgement)]
    if not beyond:
        return judged
    worst = {id(g.sample): g.sample for name, g in judged.items() if name in beyond and g.sample}
    exact = _exact(session.user, session.model, session.seed)
    climbs = {id(sample): _climb(session, sample, hand) for sample in [*worst.values(), *exact]}
    others = [climbs[id(sample)] for sample in exact]
    return {
        name: _weigh(g, _cause(name, climbs[id(g.sample)], others)) if name in beyond else g
        for name, g in judged.items()
    }


def _climb(session: Session, sample: Sample, hand: str) -> Climb:
    try:
        return climb(session.user, sample, hand)
    except Undecided:  # rounded to float32, the arrays sit on a kink
        return Climb({})


def _cause(name: str, own: Climb, exact: Sequence[Climb]) -> Cause:
    """What the sample with the worst error says; where it says mistake, the exact sizes may still object.

    1 / sqrt(d) computed in Python stays a float64 on every rung. Such an error still falls from float32 to
    float64, and is gone where the sizes divide exactly; a mistake does not fall, or is not gone.
    """
    cause = own.cause(name)
    if cause is Cause.MISTAKE and own.cause(name, "float64") is Cause.ROUNDING:
        return next((c for c in (climb.cause(name) for climb in exact) if c is Cause.ROUNDING), cause)
    return cause


def _exact(user: UserProcess, model: Model, seed: int) -> list[Sample]:
    """A sample at whose sizes means are exact, so that 2 / m in float64 is no error of its own; the file may refuse."""
    dims = sizes(model, EXACT_SIZES)
    try:
        graph = build(user, model, dims)
        return [Sample(graph, seed + 90, user.ask("draw", dims, seed + 90))]
    except InputError:
        return []


def _weigh(gradient: Gradient, cause: Cause) -> Gradient:
    judgement = gradient.judgement
    assert judgement is not None
    if cause is Cause.ROUNDING:
        lost = np.log10((judgement.error or 0.0) / (judgement.bound or 1.0))
        text = f"right, but in a form that loses {lost:.0f} more digits to rounding than the loss calls for"
        return replace(gradient, verdict=Verdict.PASS, weakness=text, reason=None)
    if cause is Cause.MISTAKE:
        return replace(gradient, verdict=Verdict.FAIL, reason="the error does not shrink with the precision: a mistake")
    if judgement.verdict is Verdict.FAIL and not _slight(judgement):
        return gradient
    untold = "it computes in float64 whatever it is given, so no other precision could be run to tell"
    return replace(gradient, verdict=Verdict.INCONCLUSIVE, reason=f"more error than rounding explains; {untold}")


def _slight(judgement: Judgement) -> bool:
    """Whether an error is so small a part of the truth that a weak form's rounding may have made it."""
    truth = abs(float(judgement.expected or 0.0))
    return judgement.error is not None and judgement.error <= SLIGHT * truth
