"""The rule that tells a mistake from rounding in a user's own gradients.

No bound of ours covers the user's algebra: the bounds are of the loss differentiated in reverse. So an error beyond
them is explained by the function itself, run exactly, or failing that at several precisions. Only what is explained
passes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Protocol

import numpy as np

from backproof.truth.balls import Objects, abs_lower
from backproof.truth.quantities import Quantity
from backproof.verdicts.judgement import COARSEST, Judgement, Verdict
from backproof.verdicts.ladder import Cause, cause
from backproof.verdicts.residual import Residual, residual

BITS = (512, 4096)  # of the exact run: the second where the first's balls are too wide
SLIGHT = 2.0**-20  # of the truth: as much may be rounding, where nothing tells


class Evidence(Protocol):
    """How a function answers when it is run again at the same inputs."""

    def exact(self, bits: int) -> Mapping[str, Objects]:
        """The balls of its exact values, by name; none where it cannot be followed."""
        ...

    def errors(self) -> Mapping[str, Mapping[str, float]]:
        """By name, the largest error at other precisions, each at inputs that are exact there."""
        ...


def judge_gradients(
    judged: Mapping[str, Judgement],
    quantities: Mapping[str, Quantity],
    evidence: Evidence,
    dtype: str,
    given: bool = True,
) -> dict[str, Judgement]:
    """`judged` by name, those beyond their bounds by what the evidence says of them.

    `given` says that the inputs are the user's own, in the user's own precision. Elsewhere a right function may
    overflow without being wrong.
    """
    found = dict(judged)
    for bits in BITS:
        if open_ := [name for name, j in found.items() if j is judged[name] and questioned(j)]:
            exact = evidence.exact(bits)
            if not exact:  # more bits would not help
                break
            kinds = {n: residual(exact[n], quantities[n]) for n in open_ if n in exact}
            found |= {n: _by_residual(found[n], kind, quantities[n], dtype, given) for n, kind in kinds.items()}
    if open_ := [name for name, j in found.items() if j is judged[name] and exceeds(j)]:
        errors = evidence.errors()
        found |= {n: _by_ladder(found[n], errors.get(n, {}), quantities[n], dtype) for n in open_}
    return found


def exceeds(judgement: Judgement) -> bool:
    """Whether the error is beyond the likely bound."""
    return judgement.error is not None and judgement.bound is not None and judgement.error > judgement.bound


def questioned(judgement: Judgement) -> bool:
    """Whether the evidence is asked: of an error beyond the likely bound, or a value that is not finite."""
    return exceeds(judgement) or _not_finite(judgement)


def _not_finite(judgement: Judgement) -> bool:
    return judgement.diagnosis is not None and judgement.diagnosis.kind == "not-finite"


def _by_residual(judgement: Judgement, found: Residual, quantity: Quantity, dtype: str, given: bool) -> Judgement:
    """Decided by the exact run, or `judgement` itself."""
    if found is Residual.BEYOND:
        text = "the function's exact value differs from the truth: a mistake, not rounding"
        return judgement if _not_finite(judgement) else replace(judgement, verdict=Verdict.FAIL, reason=text)
    if found is Residual.SMALL:
        text = "more error than rounding explains, and the function's exact value is near the truth, not equal to it"
        return judgement if _not_finite(judgement) else replace(judgement, verdict=Verdict.INCONCLUSIVE, reason=text)
    if found is Residual.UNKNOWN:
        return judgement
    if _not_finite(judgement):
        text = f"right, but this form overflows in {dtype} at these inputs"
        return judgement if given else replace(judgement, verdict=Verdict.INCONCLUSIVE, reason=text, diagnosis=None)
    return _lossy(judgement, quantity)


def _by_ladder(judgement: Judgement, errors: Mapping[str, float], quantity: Quantity, dtype: str) -> Judgement:
    size = _size(quantity)
    error = judgement.error or 0.0
    why = cause({**errors, dtype: error}, dtype, size)
    if why is Cause.ROUNDING:
        return _lossy(judgement, quantity)
    if why is Cause.MISTAKE:
        text = "the error does not shrink with the precision: a mistake"
        return replace(judgement, verdict=Verdict.FAIL, reason=text)
    if judgement.verdict is Verdict.FAIL and error > SLIGHT * size:
        return judgement
    text = "more error than rounding explains; no other precision, and no exact run, could tell why"
    return replace(judgement, verdict=Verdict.INCONCLUSIVE, reason=text)


def _lossy(judgement: Judgement, quantity: Quantity) -> Judgement:
    """Right, and how many digits the form loses; where none is left, the answer is still of no use."""
    assert judgement.error is not None
    assert judgement.bound is not None
    if 0 < COARSEST * _size(quantity) <= judgement.error:  # of a gradient that is zero there are no digits to lose
        text = "right on paper, but this form loses every digit to rounding at these inputs"
        return replace(judgement, verdict=Verdict.INCONCLUSIVE, reason=text)
    digits = max(round(np.log10(judgement.error / judgement.bound)), 1) if judgement.bound else 16
    text = f"right; this form loses about {digits} digit{'s'[: digits > 1]} to rounding at these inputs"
    return replace(judgement, verdict=Verdict.PASS, reason=text)


def _size(quantity: Quantity) -> float:
    """The largest component of what a fault would be relative to."""
    sizes = abs_lower(quantity.value) if quantity.scale is None else quantity.scale
    return float(np.max(sizes, initial=0.0))
