"""A user's function run twice, plainly and with balls, and what the balls say if both runs agree to the bit."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from flint import arb

from backproof.core.errors import InputError
from backproof.derivation.ball_arrays.array import BallArray, balls_of, value_of
from backproof.derivation.ball_arrays.creation import creation
from backproof.derivation.ball_arrays.refusal import RefusedError, forget, refusals, time_limit
from backproof.truth.balls import Objects, balls, objects, precision

Run = Callable[..., Mapping[str, Any]]
Number = tuple[int, int, int, int] | None  # midpoint and radius, each an integer times a power of two


@dataclass(frozen=True)
class Exact:
    """A gradient as NumPy has it, and the balls of its exact value, as plain numbers that can be sent."""

    value: np.ndarray[Any, Any]
    numbers: tuple[Number, ...]

    @property
    def balls(self) -> Objects:
        """The exact value's balls, of the shape of `value`; of what is not finite, NaN."""
        found = np.empty(self.value.shape, object)
        found.flat[:] = [arb("nan") if n is None else arb(n[:2], n[2:]) for n in self.numbers]
        return found


def run_exactly(
    function: Run, arrays: Callable[[], Mapping[str, Any]], bits: int, seconds: float = 60.0
) -> dict[str, Exact]:
    """What `function` gives at `arrays()`, by name: floats with the balls of their exact values.

    Each run gets arrays of its own. Raises InputError where an operation cannot be followed, where that takes
    longer than `seconds`, or where the floats of the two runs differ.
    """
    plain = function(**arrays())
    forget()
    with precision(bits), creation():
        given = {name: _with_balls(array) for name, array in arrays().items()}
        try:
            with time_limit(seconds):
                followed = function(**given)
        except RefusedError as refused:
            raise InputError(f"not followed exactly: {refused}") from None
        if refusals():
            raise InputError(f"not followed exactly: {refusals()[0]}")
        if plain.keys() != followed.keys():
            raise InputError("not followed exactly: other names are returned")
        return {name: _exact(np.asarray(plain[name]), followed[name]) for name in plain}


def _with_balls(array: np.ndarray[Any, Any]) -> Any:
    return BallArray(array, balls(array)) if array.dtype.kind == "f" else array


def _exact(plain: np.ndarray[Any, Any], followed: Any) -> Exact:
    value = np.asarray(value_of(followed))
    if not same_bits(plain, value):
        raise InputError("not followed exactly: the floats of the two runs differ")
    return Exact(value, tuple(map(_number, objects(balls_of(followed), value.shape).flat)))


def same_bits(a: np.ndarray[Any, Any], b: np.ndarray[Any, Any]) -> bool:
    """Whether they agree in dtype, shape and every bit, but for those of NaN."""
    if a.dtype != b.dtype or a.shape != b.shape:
        return False
    either = np.isnan(a) | np.isnan(b) if a.dtype.kind == "f" else np.zeros(a.shape, bool)
    return np.where(either, 0, a).tobytes() == np.where(either, 0, b).tobytes() and bool(
        np.array_equal(np.isnan(a), np.isnan(b))
    )


def _number(ball: arb) -> Number:
    if not ball.is_finite():
        return None
    mid, rad = ball.mid().man_exp(), ball.rad().man_exp()
    return int(mid[0]), int(mid[1]), int(rad[0]), int(rad[1])
