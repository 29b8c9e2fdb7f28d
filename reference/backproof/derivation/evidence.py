"""A user's gradients (or a descent by them) run again, exactly and at several precisions, in the user's process."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from backproof.core.errors import InputError
from backproof.derivation.ball_arrays.run import Exact, same_bits
from backproof.derivation.process import UserProcess
from backproof.rounding.formats import FORMATS
from backproof.truth.balls import Objects, balls, precision
from backproof.truth.exact import Undecided
from backproof.truth.quantities import FIRST_BITS
from backproof.verdicts.ladder import PRECISIONS

EXACT_SECONDS = 3.0  # for one exact run: small arrays take milliseconds

Truth = Callable[[Mapping[str, Any]], Mapping[str, Objects]]  # of arrays (float64): the balls by name


@dataclass(frozen=True)
class Request:
    """What a user's function was asked: `steps` > 0 of descent, or its gradients once."""

    arrays: Mapping[str, Any]
    dtype: str
    function: str = "gradients"
    layout: str = "normal"  # how `regimes` lays the arrays out in memory
    steps: int = 0
    learning_rate: float = 0.0


@dataclass(frozen=True)
class Reruns:
    """The evidence on one answer (`verdicts.gradients.Evidence`): the exact run counts where it repeats its bits."""

    user: UserProcess
    request: Request
    answers: Mapping[str, Any]
    truth: Truth

    def exact(self, bits: int) -> dict[str, Objects]:
        """The balls of the exact values, by name."""
        try:
            found = self.user.ask("exact", vars(self.request), bits, min(EXACT_SECONDS, self.user.seconds / 3))
        except InputError:
            return {}
        runs = {name: Exact(value, numbers) for name, (value, numbers) in found.items()}
        return {
            name: exact.balls
            for name, exact in runs.items()
            if name in self.answers and same_bits(exact.value, np.asarray(self.answers[name]))
        }

    def errors(self) -> dict[str, dict[str, float]]:
        """The largest errors at the finer precisions, and for float64 at float32, to which its arrays are rounded."""
        dtype, errors = self.request.dtype, dict[str, dict[str, float]]()
        for other in PRECISIONS:
            if dtype in PRECISIONS and (PRECISIONS.index(other) > PRECISIONS.index(dtype) or _next(other) == dtype):
                for name, error in self._errors_at(other).items():
                    errors.setdefault(name, {})[other] = error
        return errors

    def _errors_at(self, other: str) -> dict[str, float]:
        arrays = {name: np.asarray(a, np.float64) for name, a in self.request.arrays.items()}
        if _next(other) == self.request.dtype:
            arrays = {name: FORMATS[other].round(a) for name, a in arrays.items()}
        try:
            truth = self.truth(arrays)
            answers = self.user.ask("run", vars(replace(self.request, arrays=arrays, dtype=other)))
        except (Undecided, InputError):  # so rounded, they sit on a kink; some functions know no long double
            return {}
        return {
            name: largest_error(values, truth[name])
            for name, (values, dtype) in answers.items()
            if name in truth and values is not None and values.shape == truth[name].shape and _ran_in(dtype, other)
        }


def _next(dtype: str) -> str | None:
    """The precision after float32 is float64; float16 tells nothing of float32, where most of its sums overflow."""
    return "float64" if dtype == "float32" else None


def _ran_in(dtype: str, rung: str) -> bool:
    """Whether a result of `dtype` was computed in the rung's precision, as far as its dtype tells."""
    return np.dtype(dtype).kind == "f" and np.finfo(dtype).eps == np.finfo(rung).eps


def largest_error(values: Any, truth: Objects) -> float:
    """The largest |values - truth|; long doubles are split, so that nothing of them is lost."""
    if not np.isfinite(values).all():
        return float("inf")
    high = values.astype(np.float64)
    low = (values - high).astype(np.float64)
    with precision(FIRST_BITS):
        difference = balls(high) + balls(low) - truth
        return max((float(abs(d).abs_upper()) for d in np.ravel(difference)), default=0.0)
