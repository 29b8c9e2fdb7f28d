"""What NumPy's elementwise functions, sums and products of matrices do to balls."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from flint import acb, arb

from backproof.derivation.ball_arrays.array import BallArray, balls_of, is_ball_array, value_of
from backproof.derivation.ball_arrays.refusal import refuse
from backproof.truth.balls import Objects, objects


def _log_base(base: int) -> Callable[[arb], arb]:
    return lambda v: v.log() / arb(base).log()


# By the name of the ufunc: SciPy's are found too.
ELEMENTWISE: dict[str, Callable[..., arb]] = {
    "add": operator.add,
    "subtract": operator.sub,
    "multiply": operator.mul,
    "divide": operator.truediv,
    "power": operator.pow,
    "float_power": operator.pow,
    "negative": operator.neg,
    "positive": operator.pos,
    "conjugate": operator.pos,
    "absolute": abs,
    "fabs": abs,
    "square": lambda v: v * v,
    "reciprocal": lambda v: 1 / v,
    "sqrt": lambda v: v.sqrt(),
    "cbrt": lambda v: v.root(3) if v > 0 else -(-v).root(3),
    "exp": lambda v: v.exp(),
    "exp2": lambda v: arb(2) ** v,
    "expm1": lambda v: v.expm1(),
    "log": lambda v: v.log(),
    "log2": _log_base(2),
    "log10": _log_base(10),
    "log1p": lambda v: v.log1p(),
    "sin": lambda v: v.sin(),
    "cos": lambda v: v.cos(),
    "tan": lambda v: v.tan(),
    "arcsin": lambda v: v.asin(),
    "arccos": lambda v: v.acos(),
    "arctan": lambda v: v.atan(),
    "arctan2": lambda v, w: acb(w, v).arg(),
    "sinh": lambda v: v.sinh(),
    "cosh": lambda v: v.cosh(),
    "tanh": lambda v: v.tanh(),
    "arcsinh": lambda v: v.asinh(),
    "arccosh": lambda v: v.acosh(),
    "arctanh": lambda v: v.atanh(),
    "hypot": lambda v, w: (v * v + w * w).sqrt(),
    "logaddexp": lambda v, w: (v.exp() + w.exp()).log(),
    "expit": lambda v: 1 / (1 + (-v).exp()),
    "erf": lambda v: v.erf(),
    "erfc": lambda v: v.erfc(),
    "gammaln": lambda v: v.lgamma(),
    "psi": lambda v: v.digamma(),
}
COMPARISONS = {
    "greater": operator.gt,
    "greater_equal": operator.ge,
    "less": operator.lt,
    "less_equal": operator.le,
    "equal": operator.eq,
    "not_equal": operator.ne,
}
EXTREMES = {"maximum": "greater_equal", "minimum": "less_equal", "fmax": "greater_equal", "fmin": "less_equal"}
OF_FLOATS = ("isnan", "isinf", "isfinite", "signbit", "logical_and", "logical_or", "logical_not", "logical_xor")
REDUCED = {"add": arb(0), "multiply": arb(1)}


def apply(ufunc: np.ufunc, method: str, inputs: Sequence[Any], options: Mapping[str, Any]) -> Any:
    """`ufunc` called, reduced or accumulated on arrays of which at least one, or the output, has balls."""
    out: Any = (options.get("out") or (None,))[0]
    rest = {name: value for name, value in options.items() if name != "out"}
    if method == "at":
        return _at(ufunc, *inputs)
    if method == "reduce" and ufunc.__name__ in REDUCED | EXTREMES:
        return _reduce(ufunc, inputs[0], **{**options, "out": out})
    if method == "outer" and not options:
        a, b = inputs
        return ufunc(np.reshape(a, (*np.shape(a), *(1,) * np.ndim(b))), b)
    if method != "__call__" or rest or (out is not None and not is_ball_array(out)):
        refuse(f"np.{ufunc.__name__} by {method} with {', '.join(options) or 'no options'}")
    balls = [balls_of(i) for i in inputs]  # before the output is written to, which may be one of them
    values = [value_of(i) for i in inputs]
    target = out if out is not None and isinstance(out.value, np.ndarray) else None  # a scalar's += makes another
    with np.errstate(all="ignore"):
        value = ufunc(*values, out=target.value) if target is not None else ufunc(*values)
    if isinstance(value, tuple) or value.dtype.kind != "f":
        return _decided(ufunc.__name__, value, balls)
    found = _balls(ufunc.__name__, values, balls, value.shape)
    if target is not None:
        target.balls[...] = found
        return target
    return BallArray(value, found)


def _balls(name: str, values: Sequence[Any], balls: Sequence[Objects], shape: tuple[int, ...]) -> Objects:
    if name == "matmul":
        return as_balls(np.matmul(*balls), shape)
    if name in EXTREMES:
        with np.errstate(all="ignore"):
            first = getattr(np, EXTREMES[name])(*values)
        consistent(EXTREMES[name], first, balls)
        return objects(np.where(first, *balls), shape)
    if name == "sign":
        signs = np.sign(values[0])
        consistent("greater", signs > 0, [balls[0], balls_of(0)])
        consistent("less", signs < 0, [balls[0], balls_of(0)])
        return balls_of(np.asarray(signs))
    if name not in ELEMENTWISE:
        refuse(f"np.{name}")
    return objects(np.frompyfunc(ELEMENTWISE[name], len(balls), 1)(*balls), shape)


def _decided(name: str, value: Any, balls: Sequence[Objects]) -> Any:
    """What the floats decide: a plain array of booleans."""
    if name in COMPARISONS:
        consistent(name, value, balls)
    elif name not in OF_FLOATS:
        refuse(f"np.{name}")
    return value


def consistent(name: str, decided: Any, balls: Sequence[Objects]) -> None:
    """Refuses where the balls contradict what the floats decided: rounding then took another branch."""
    holds = COMPARISONS[name]

    def contradicted(answer: Any, a: arb, b: arb) -> bool:
        difference = a - b
        if difference > 0 or difference < 0 or difference.is_zero():
            return bool(answer) is not bool(holds(difference, 0))
        return False

    if np.any(np.frompyfunc(contradicted, 3, 1)(decided, *balls)):
        refuse(f"a comparison ({name}) that rounding decides otherwise than exact values do")


def as_balls(found: Any, shape: tuple[int, ...]) -> Objects:
    """The elements as balls, views kept where they are: NumPy fills with plain zeros, and sums of nothing are 0."""
    array = objects(found, shape)
    if array.dtype == object and all(isinstance(v, arb) for v in array.flat):
        return array
    converted = np.frompyfunc(lambda v: v if isinstance(v, arb) else balls_of(v).item(), 1, 1)(array)
    return objects(converted, shape)


def _reduce(
    ufunc: np.ufunc,
    x: BallArray,
    axis: Any = 0,
    dtype: Any = None,
    out: Any = None,
    keepdims: bool = False,
    **rest: Any,
) -> Any:
    given = {name: value for name, value in rest.items() if value is not np._NoValue}
    if out is not None or given or (dtype is not None and np.dtype(dtype) != x.dtype):
        refuse(f"np.{ufunc.__name__}.reduce with {', '.join(given) or 'out or dtype'}")
    with np.errstate(all="ignore"):
        value = ufunc.reduce(x.value, axis=axis, keepdims=keepdims)
    if ufunc.__name__ in REDUCED:
        return BallArray(value, as_balls(ufunc.reduce(x.balls, axis=axis, keepdims=keepdims), value.shape))
    return BallArray(value, as_balls(extreme(ufunc.__name__, x, axis, keepdims), value.shape))


def extreme(name: str, x: BallArray, axis: Any, keepdims: bool = True) -> Objects:
    """The balls of the largest (or smallest) elements, of those that are so among the floats."""
    kept = range(x.ndim) if axis is None else [axis] if isinstance(axis, int) else axis
    axes = sorted(a % x.ndim for a in kept)
    rest = [a for a in range(x.ndim) if a not in axes]
    moved = [np.transpose(a, [*rest, *axes]) for a in (x.value, x.balls)]
    value, balls = (a.reshape(*a.shape[: len(rest)], -1) for a in moved)
    place = (np.argmax if name in ("maximum", "fmax") else np.argmin)(value, axis=-1)[..., None]
    best = np.take_along_axis(balls, place, -1)
    consistent(EXTREMES[name], np.ones(balls.shape, bool), np.broadcast_arrays(best, balls))
    return best[..., 0].reshape([1 if a in axes else s for a, s in enumerate(x.shape) if keepdims or a not in axes])


def _at(ufunc: np.ufunc, target: Any, index: Any, values: Any) -> None:
    if not is_ball_array(target) or ufunc.__name__ not in ("add", "subtract", "multiply"):
        refuse(f"np.{ufunc.__name__}.at")
    balls = balls_of(values)
    ufunc.at(target.value, index, value_of(values))
    ufunc.at(target.balls, index, balls)
