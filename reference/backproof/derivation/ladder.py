"""Mistake or rounding? The user's gradients run in several precisions on the same inputs.

An error that shrinks with the unit roundoff is rounding: the derivation is right, if weak. One that stays
is a mistake. No bound covers the user's own algebra, so this decides where our bound is exceeded.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np

from backproof.core.errors import InputError
from backproof.derivation.process import UserProcess
from backproof.derivation.samples import Sample
from backproof.truth.balls import abs_upper, balls, precision
from backproof.truth.quantities import FIRST_BITS

RUNGS = ("float32", "float64", "longdouble")


class Cause(StrEnum):
    """What an error beyond the bound comes from."""

    ROUNDING = "rounding"
    MISTAKE = "mistake"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Climb:
    """The largest error of each gradient at each rung that was reached."""

    errors: Mapping[str, Mapping[str, float]]

    def cause(self, name: str, highest: str = RUNGS[-1]) -> Cause:
        """Compare the finest two rungs up to `highest`: an error of rounding falls with u, a mistake's stays.

        Between the two the geometric middle decides, as far from one as from the other.
        """
        found = self.errors.get(name, {})
        rungs = [rung for rung in RUNGS[: RUNGS.index(highest) + 1] if rung in found]
        if len(rungs) < 2:
            return Cause.UNKNOWN
        coarse, fine = rungs[-2:]
        if not np.isfinite([found[coarse], found[fine]]).all():
            return Cause.UNKNOWN
        step = float(np.finfo(fine).eps / np.finfo(coarse).eps)
        if found[fine] <= found[coarse] * np.sqrt(step):
            return Cause.ROUNDING
        return Cause.MISTAKE


def climb(user: UserProcess, sample: Sample, hand: str) -> Climb:
    """Run the function `hand` at every rung, on the sample's arrays rounded to float32, so that all see the same."""
    arrays = {name: np.asarray(value, np.float32).astype(np.float64) for name, value in sample.arrays.items()}
    same = Sample(sample.graph, sample.seed, arrays)
    truth = {name: quantity.value for name, quantity in same.quantities.items()}
    errors: dict[str, dict[str, float]] = {}
    for rung in RUNGS:
        try:
            answers = user.ask("gradients", arrays, rung, hand)
        except InputError:
            continue  # some functions know no long double
        for name, (values, dtype) in answers.items():
            if name in truth and values is not None and values.shape == truth[name].shape and _ran_in(dtype, rung):
                errors.setdefault(name, {})[rung] = largest_error(values, truth[name])
    return Climb(errors)


def _ran_in(dtype: str, rung: str) -> bool:
    """Whether a result of `dtype` was computed in the rung's precision, as far as its dtype tells."""
    return np.dtype(dtype).kind == "f" and np.finfo(dtype).eps == np.finfo(rung).eps


def largest_error(values: Any, truth: Any) -> float:
    """The largest |values - truth|; infinite where a value is not finite."""
    if not np.isfinite(values).all():
        return float("inf")
    with precision(FIRST_BITS):
        return float(np.max(abs_upper(balls(values) - truth), initial=0.0))
