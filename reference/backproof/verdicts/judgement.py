"""One tensor's verdict: its error against the truth's own bounds, and what the cell can resolve at all."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
from flint import arb

from backproof.rounding.formats import FORMATS
from backproof.truth.balls import abs_lower, abs_upper, balls, precision
from backproof.truth.balls import finite as finite_balls
from backproof.truth.quantities import FIRST_BITS, Quantity

# A fault of the whole tensor (factor 2, sign, zero) changes it by half its size at least; where even the
# best component resolves no such fault, the tensor says nothing.
COARSEST = 0.5


class Verdict(StrEnum):
    """In order of gravity: a cell is as bad as its worst tensor."""

    PASS = "pass"
    SKIP = "skip"
    INCONCLUSIVE = "inconclusive"
    FAIL = "fail"
    ERROR = "error"

    @property
    def gravity(self) -> int:
        return list(Verdict).index(self)


@dataclass(frozen=True)
class Diagnosis:
    """The mistake it looks like: a kind from a closed list, and a sentence."""

    kind: str
    text: str


@dataclass(frozen=True)
class Judgement:
    """A tensor's verdict with its numbers, at the component with the largest error / bound.

    `error`, `bound` (likely) and `rigorous_bound` are absolute; headroom = bound / error; resolution is
    the smallest relative fault that the tensor is sure to show, at its best component. A fault of one
    component shows only there: `resolved` is the share of components that show a fault of half their size.
    """

    verdict: Verdict
    reason: str | None = None
    error: float | None = None
    bound: float | None = None
    rigorous_bound: float | None = None
    headroom: float | None = None
    resolution: float | None = None
    resolved: float | None = None
    worst_index: tuple[int, ...] | None = None
    actual: float | None = None
    expected: str | None = None  # certified: the digits of the truth, and
    expected_radius: str | None = None  # the radius of its ball
    diagnosis: Diagnosis | None = None


def judge(actual: np.ndarray[Any, Any], actual_dtype: str, quantity: Quantity, dtype: str) -> Judgement:
    """Judge `actual` (of the dtype named) against the truth of a cell in `dtype`; shape and dtype come first.

    FAIL: the error exceeds the rigorous bound, or shape, dtype or finiteness is wrong. INCONCLUSIVE: it
    exceeds the likely bound only, or the tensor resolves no fault. PASS: the rest. Where the truth itself
    is not finite (NaN or Inf came in), the answer must not be finite either.
    """
    wrong = _form(actual, actual_dtype, quantity, dtype)
    if wrong:
        return wrong
    finite = finite_balls(quantity.value)
    vanished = ~finite & np.isfinite(actual)
    if vanished.any():
        return _not_finite("a NaN or Inf of the inputs vanished from", actual, quantity, vanished)
    if not finite.size:
        return Judgement(Verdict.INCONCLUSIVE, "it has no component here, so nothing is shown by it")
    bounded = finite & np.isfinite(quantity.likely)
    broken = bounded & np.isfinite(quantity.rigorous) & ~np.isfinite(actual)
    if broken.any():
        return _not_finite("the truth is finite, and the answer is not, in", actual, quantity, broken)
    if not bounded.any():
        if not finite.any():  # it was asked to be not finite, and is: nothing else is shown by it
            return Judgement(Verdict.PASS, resolved=0.0)
        return Judgement(Verdict.INCONCLUSIVE, f"no bound: {dtype} may overflow or lose every digit here")
    bounded &= np.isfinite(actual)
    # A component without a bound promises nothing, so nothing is asked of it.
    low, high = _error(np.where(bounded, actual, 0.0), quantity)
    with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
        ratio = np.where(bounded & (high > 0), high / np.where(bounded, quantity.likely, 1.0), bounded - 1.0)
    beyond = bounded & (low > quantity.rigorous)
    worst = np.unravel_index(int(np.argmax(np.where(beyond, ratio, -1.0) if beyond.any() else ratio)), ratio.shape)
    resolutions = _resolutions(quantity, bounded)
    resolution = float(resolutions.min())
    if beyond.any():
        verdict, reason = Verdict.FAIL, "the error exceeds what rounding can make, in any order of operations"
    elif ratio[worst] > 1:
        verdict = Verdict.INCONCLUSIVE
        reason = "more error than independent rounding explains: lower precision, naive summation?"
    elif resolution >= COARSEST:
        verdict = Verdict.INCONCLUSIVE
        reason = f"rounding in {dtype} hides a fault of half its size"
    else:
        verdict, reason = Verdict.PASS, None
    return Judgement(
        verdict,
        reason,
        float(high[worst]),
        float(quantity.likely[worst]),
        float(quantity.rigorous[worst]),
        float(quantity.likely[worst] / high[worst]) if high[worst] else float("inf"),
        resolution,
        float((resolutions < COARSEST).mean()),
        **_at(worst, actual, quantity),
    )


def _form(actual: np.ndarray[Any, Any], actual_dtype: str, quantity: Quantity, dtype: str) -> Judgement | None:
    if actual.shape != quantity.value.shape:
        text = f"shape {actual.shape}; it must be {quantity.value.shape}"
        return Judgement(Verdict.FAIL, text, diagnosis=Diagnosis("shape", text))
    if actual_dtype != dtype:
        text = f"dtype {actual_dtype}; it must be {dtype}"
        return Judgement(Verdict.FAIL, text, diagnosis=Diagnosis("dtype", text))
    if FORMATS[dtype].numpy != dtype and not FORMATS[dtype].holds(actual[np.isfinite(actual)].astype(np.float64)).all():
        text = f"dtype {dtype}, and some values are no numbers of {dtype}"  # which travels in a wider one
        return Judgement(Verdict.FAIL, text, diagnosis=Diagnosis("dtype", text))
    return None


def _not_finite(said: str, actual: np.ndarray[Any, Any], quantity: Quantity, where: np.ndarray[Any, Any]) -> Judgement:
    first = np.unravel_index(int(np.argmax(where)), where.shape)
    text = f"{said} {int(where.sum())} of {where.size} components"
    return Judgement(Verdict.FAIL, text, diagnosis=Diagnosis("not-finite", text), **_at(first, actual, quantity))


@precision(FIRST_BITS)
def _error(actual: np.ndarray[Any, Any], quantity: Quantity) -> tuple[Any, Any]:
    """|actual - truth|, certified from below and from above."""
    difference = balls(actual.astype(np.float64)) - quantity.value
    return abs_lower(difference), abs_upper(difference)


def _resolutions(quantity: Quantity, bounded: Any) -> Any:
    size = abs_lower(quantity.value) if quantity.scale is None else quantity.scale
    told = bounded & (size > 0)
    with np.errstate(over="ignore"):
        return np.where(told, 2 * quantity.likely / np.where(told, size, 1.0), np.inf)


def _at(where: Any, actual: np.ndarray[Any, Any], quantity: Quantity) -> dict[str, Any]:
    truth = quantity.value[where]
    return {
        "worst_index": tuple(int(i) for i in where),
        "actual": float(actual[where]),
        "expected": _digits(truth, 25),
        "expected_radius": _digits(truth.rad(), 3),
    }


def _digits(truth: arb, digits: int) -> str:
    """The middle of a ball as a number that can be read again: inf and nan too, which Arb writes as intervals."""
    if truth.is_finite():
        return str(truth.str(digits, radius=False))
    return repr(float(truth)) if truth.is_exact() else "nan"
