"""A user's gradients (or a descent by them) run again, exactly and at several precisions, in the user's process."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from backproof.core.errors import InputError
from backproof.derivation.ball_arrays.run import same_bits
from backproof.derivation.process import UserProcess
from backproof.rounding.formats import FORMATS
from backproof.truth.exact import Undecided, balls, precision
from backproof.truth.quantities import FIRST_BITS
from backproof.truth.series import Objects
from backproof.verdicts.ladder import PRECISIONS

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
            found = self.user.ask("exact", self.request, bits)
        except InputError:
            return {}
        return {
            name: exact.balls
            for name, exact in found.items()
            if name in self.answers and same_bits(exact.value, np.asarray(self.answers[name]))
        }

    def errors(self) -> dict[str, dict[str, float]]:
        """The largest errors at every precision from one below the request's, on arrays that are exact in all."""
        coarsest = "float32" if self.request.dtype == "float64" else self.request.dtype
        if coarsest not in PRECISIONS:
            return {}
        exact = {name: FORMATS[coarsest].round(np.asarray(a, np.float64)) for name, a in self.request.arrays.items()}
        try:
            truth = self.truth(exact)
        except Undecided:  # so rounded, the arrays sit on a kink
            return {}
        errors: dict[str, dict[str, float]] = {}
        for rung in PRECISIONS[PRECISIONS.index(coarsest) :]:
            try:
                answers = self.user.ask("run", replace(self.request, arrays=exact, dtype=rung))
            except InputError:
                continue  # some functions know no long double
            for name, (values, dtype) in answers.items():
                if name in truth and values is not None and values.shape == truth[name].shape and _ran_in(dtype, rung):
                    errors.setdefault(name, {})[rung] = largest_error(values, truth[name])
        return errors


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
