"""Checking a derivation: the truth at several shapes and seeds, a verdict per gradient, and what went wrong."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import replace
from typing import Any

import numpy as np

from backproof.derivation.branches import untaken
from backproof.derivation.diagnosis.chain import steps
from backproof.derivation.diagnosis.diagnose import Diagnosis, Diagnostician
from backproof.derivation.evidence import Request, Reruns
from backproof.derivation.form import form
from backproof.derivation.oracles import Oracles
from backproof.derivation.process import UserProcess
from backproof.derivation.report import Gradient, Result
from backproof.derivation.samples import Sample, draw
from backproof.models.model import Model
from backproof.truth.balls import Objects
from backproof.truth.exact import Undecided
from backproof.verdicts.gradients import exceeds, judge_gradients
from backproof.verdicts.judgement import Judgement, Verdict, judge

SECONDS = 10.0  # what any one call into the user's file may take
AFTER = 2  # parts of a check after the samples' truths: the gradients, the second opinions

Watch = Callable[[int, int, str], None]


def _unwatched(done: int, total: int, what: str) -> None:
    pass


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
        notes = [*session.notes, *untaken(session.samples, session.source)]
        return Result(path, verdict, gradients, said, notes, time.perf_counter() - start)


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
    balls = [ball for s in samples for q in s.quantities.values() for ball in q.value.flat if ball.mid() != 0]
    worst = max((float(ball.rad()) / max(float(abs(ball.mid())), 1e-300) for ball in balls), default=0.0)
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
    by_sample = [_judge_sample(session.user, sample, names, hand) for sample in samples]
    judged = {name: _gravest(model, name, samples, [j[name] for j in by_sample]) for name in names}
    wrong = [n for n, g in judged.items() if g.verdict is Verdict.FAIL and g.diagnosis is None]
    if wrong:
        finite = [s for s in samples if all(np.isfinite(s.answers[n]).all() for n in names)]
        found = Diagnostician(model, session.source, finite or samples).diagnose(wrong)
        found = steps(samples[0], judged, found)
        judged |= {name: replace(judged[name], diagnosis=diagnosis) for name, diagnosis in found.items()}
    everything = {**judged, **malformed}
    ordered = [*samples[0].graph.trace.gradients, *malformed]
    return {name: everything[name] for name in dict.fromkeys(ordered) if name in everything}


def _judge_sample(user: UserProcess, sample: Sample, names: Sequence[str], hand: str) -> dict[str, Judgement]:
    judged = {n: judge(sample.answers[n], "float64", sample.quantities[n], "float64") for n in names}

    def truth(arrays: Mapping[str, Any]) -> dict[str, Objects]:
        return {n: q.value for n, q in Sample(sample.graph, sample.seed, arrays).quantities.items()}

    evidence = Reruns(user, Request(sample.arrays, "float64", hand), sample.answers, truth)
    return judge_gradients(judged, sample.quantities, evidence, "float64")


def _gravest(model: Model, name: str, samples: Sequence[Sample], judgements: Sequence[Judgement]) -> Gradient:
    """The gravest judgement over the samples; of equal ones, that with the largest error over its bound."""
    judged = list(zip(judgements, samples, strict=True))
    passed = any(j.verdict is Verdict.PASS for j, _ in judged)

    def gravity(item: tuple[Judgement, Sample]) -> tuple[int, float]:
        j = item[0]
        hidden = passed and j.verdict is Verdict.INCONCLUSIVE and not exceeds(j)  # one sample told, another could not
        return (-1 if hidden else j.verdict.gravity, (j.error or 0.0) / j.bound if j.bound else 0.0)

    worst, sample = max(judged, key=gravity)
    diagnosis = Diagnosis(worst.diagnosis.kind, worst.diagnosis.text) if worst.diagnosis else None
    shape = sample.answers[name].shape
    tap = name not in model.shapes
    axes = model.shapes.get(name)
    reason, weakness = (None, worst.reason) if worst.verdict is Verdict.PASS else (worst.reason, None)
    return Gradient(name, worst.verdict, shape, axes, sample.where, worst, diagnosis, reason, weakness, tap)
