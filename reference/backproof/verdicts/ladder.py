"""A function run at several precisions: which of its errors rounding can explain.

Rounding errors are a condition number times the unit roundoff u, so error / u is about the same at every precision.
An error that is larger at a finer precision is no rounding, nor is one that is missing at all others.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

import numpy as np

PRECISIONS = ("float16", "float32", "float64", "longdouble")  # from the coarsest
NOISE = 2.0**8  # by which error / u may differ between precisions: the largest of a few signed errors is luck
LOST = 0.25  # an error of this part of the tensor says no more about u: no digit is left to lose


class Cause(StrEnum):
    """What an error beyond the bound comes from."""

    ROUNDING = "rounding"
    MISTAKE = "mistake"
    UNKNOWN = "unknown"


def cause(errors: Mapping[str, float], judged: str, size: float) -> Cause:
    """Why a tensor of this size has the error that it has at the precision `judged`, from those at all of them."""
    known = {p: errors[p] for p in PRECISIONS if np.isfinite(errors.get(p, np.nan))}
    if judged not in known:
        return Cause.UNKNOWN
    error, place = known[judged], PRECISIONS.index(judged)
    coarser = {p: e for p, e in known.items() if PRECISIONS.index(p) < place}
    finer = {p: e for p, e in known.items() if PRECISIONS.index(p) > place}
    if any(error >= e for e in coarser.values()):
        return Cause.MISTAKE
    expected = {p: error * float(np.finfo(p).eps / np.finfo(judged).eps) for p in coarser | finer}
    alike = {p: expected[p] / NOISE <= e <= expected[p] * NOISE for p, e in known.items() if p in expected}
    telling = {p: fits for p, fits in alike.items() if p in finer or known[p] < LOST * size}
    if any(e > NOISE * expected[p] for p, e in finer.items()):
        # It stays. What fell as u until here may be a constant that Python holds in float64 at every precision.
        return Cause.UNKNOWN if any(telling.get(p) for p in coarser) else Cause.MISTAKE
    if error >= LOST * size or not telling:
        return Cause.UNKNOWN
    return Cause.ROUNDING if all(telling.values()) else Cause.UNKNOWN
