"""Mistake or rounding: an error beyond its bound, weighed on the precision ladder."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from backproof.core.errors import InputError
from backproof.derivation.ladder import Cause, Climb, climb
from backproof.derivation.process import UserProcess
from backproof.derivation.report import Gradient
from backproof.derivation.samples import EXACT_SIZES, Sample, build, sizes
from backproof.models.model import Model
from backproof.truth.exact import Undecided
from backproof.verdicts.judgement import Judgement, Verdict

SLIGHT = 2.0**-20  # of the truth: float32 would hardly show it; a weak form may lose as much in float64


def exceeds(judgement: Judgement) -> bool:
    """Whether the error is beyond the likely bound."""
    return judgement.error is not None and judgement.bound is not None and judgement.error > judgement.bound


def weighed(user: UserProcess, model: Model, seed: int, hand: str, judged: dict[str, Gradient]) -> dict[str, Gradient]:
    """`judged`, by name, where errors beyond the bound are weighed: a mistake fails, rounding does not."""
    beyond = [n for n, g in judged.items() if g.judgement and exceeds(g.judgement)]
    if not beyond:
        return judged
    worst = {id(g.sample): g.sample for name, g in judged.items() if name in beyond and g.sample}
    exact = _exact(user, model, seed)
    climbs = {id(sample): _climb(user, sample, hand) for sample in [*worst.values(), *exact]}
    others = [climbs[id(sample)] for sample in exact]
    return {
        name: _weigh(g, _cause(name, climbs[id(g.sample)], others)) if name in beyond else g
        for name, g in judged.items()
    }


def _climb(user: UserProcess, sample: Sample, hand: str) -> Climb:
    try:
        return climb(user, sample, hand)
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
