"""The elementwise functions of one argument: all there is to say of each, in one place.

What a function is in balls, in Taylor series and in NumPy; its reverse rule; how an error of its argument grows
through it; how many units roundoff a correct library may lose. The sweeps ask `FUNCTIONS`, so a new function is one
entry here and its tests: a loss in `LOSSES` of `test_truth.py`, a reference in `EXACT` of `test_ulps.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from operator import methodcaller
from typing import Any

import numpy as np

from backproof.graph.nodes import Node, unary
from backproof.models.primitives import sigmoid

Floats = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Reach:
    """Where x and y = f(x) are, componentwise: |x| in [low, high] and |y| in [y_low, y_high] exactly; what was
    computed for x is within `error` of it."""

    error: Floats
    low: Floats
    high: Floats
    y_low: Floats
    y_high: Floats


@dataclass(frozen=True)
class Function:
    """y = f(x).

    `reverse(g, y, x)` is g dy/dx, on nodes and on arrays. `propagated(reach)` bounds |f(x + e) - f(x)| over all
    |e| <= error, infinite where no finite bound is known. `ulps` is twice the worst that `test_ulps.py` finds
    in NumPy, PyTorch and JAX on CPU. `derivative` says dy/dx in words, {x} and {y} standing for the names. Balls and
    series are asked by the method of the function's name unless `ball` and `series` say otherwise.
    """

    name: str
    numpy: Callable[[Any], Any]
    reverse: Callable[[Any, Any, Any], Any]
    propagated: Callable[[Reach], Floats]
    ulps: float
    derivative: str
    ball: Callable[[Any], Any]
    series: Callable[[Any], Any]
    like_reciprocal: bool = False  # its derivative is thought of as 1/x or 1/y


def _exp(x: Any) -> Any:
    return unary("exp", x) if isinstance(x, Node) else np.exp(x)


def _stable_sigmoid(v: Any, at: Any) -> Any:
    """1 / (1 + exp(-v)) of a ball or series v around `at`, written so that a huge |v| does not overflow."""
    if at.mid() >= 0:
        return 1 / (1 + (-v).exp())
    e = v.exp()
    return e / (1 + e)


def _log(r: Reach) -> Floats:
    """|log(x + e) - log(x)| <= -log(1 - e/x) <= e / (x - e)."""
    return np.where(r.error < r.low, r.error / (r.low - r.error), np.inf)


def _log1p(r: Reach) -> Floats:
    """The slope is 1 / (1 + x) = exp(-y): at most exp(|y|), and less where |y| < |x|, which is so of positive x."""
    moved = r.error * np.where(r.y_high < r.low, 1 / (1 + r.low), np.exp(r.y_high))
    return np.where(moved < 1, -np.log1p(-moved), np.inf)


def _sqrt(r: Reach) -> Floats:
    """Infinite where an argument near zero may have been computed as a negative one."""
    return np.where(r.error <= r.low, np.minimum(np.sqrt(r.error), r.error / r.y_low), np.inf)


def _flattening(most: float, factor: float, rate: float) -> Callable[[Reach], Floats]:
    """A function whose slope at z is at most min(most, factor * exp(-rate |z|))."""
    return lambda r: r.error * np.minimum(most, factor * np.exp(-rate * np.maximum(r.low - r.error, 0.0)))


def _function(
    name: str,
    ulps: float,
    derivative: str,
    reverse: Callable[[Any, Any, Any], Any],
    propagated: Callable[[Reach], Floats],
    numpy: Callable[[Any], Any] | None = None,
    ball: Callable[[Any], Any] | None = None,
    series: Callable[[Any], Any] | None = None,
    like_reciprocal: bool = False,
) -> Function:
    """A function with NumPy's, the ball's and the series' own functions of that name where none is given."""
    own = methodcaller(name)
    numpy = numpy or getattr(np, name)
    return Function(name, numpy, reverse, propagated, ulps, derivative, ball or own, series or own, like_reciprocal)


FUNCTIONS = {
    f.name: f
    for f in (
        _function("exp", 8, "{y}", lambda g, y, x: g * y, lambda r: r.y_high * np.expm1(r.error)),
        _function(
            "expm1",
            12,
            "exp({x})",
            lambda g, y, x: g * _exp(x),  # not y + 1, which cancels far to the left
            lambda r: (r.y_high + 1) * np.expm1(r.error),
            series=lambda t: t.exp() - 1,
        ),
        _function("log", 10, "1/{x}", lambda g, y, x: g / x, _log, like_reciprocal=True),
        _function(
            "log1p",
            480,  # JAX's in float64 loses 240, every other 3.3
            "1/(1 + {x})",
            lambda g, y, x: g / (1 + x),
            _log1p,
            series=lambda t: (1 + t).log(),
            like_reciprocal=True,
        ),
        _function("sqrt", 2, "1/(2 {y})", lambda g, y, x: g / (2 * y), _sqrt, like_reciprocal=True),
        _function(
            "tanh",
            14,
            "1 - {y}^2",
            lambda g, y, x: g * (1 - y * y),
            _flattening(1.0, 4.0, 2.0),
            series=lambda t: 1 - 2 / (1 + (t + t).exp()),
        ),
        _function(
            "sigmoid",
            8,
            "{y} (1 - {y})",
            lambda g, y, x: g * y * (1 - y),
            _flattening(0.25, 1.0, 1.0),
            numpy=sigmoid,
            ball=lambda v: _stable_sigmoid(v, v),
            series=lambda t: _stable_sigmoid(t, t[0]),
        ),
    )
}
