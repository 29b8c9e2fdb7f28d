"""What NumPy's functions on whole arrays do to balls: moves, sums and means, products; what the floats decide."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from flint import arb_mat

from backproof.derivation.ball_arrays.array import BallArray, balls_of, is_ball_array, value_of
from backproof.derivation.ball_arrays.refusal import refuse
from backproof.derivation.ball_arrays.ufuncs import as_balls
from backproof.truth.balls import objects

Function = Callable[..., Any]


def _each(argument: Any, side: Callable[[Any], Any], constants: bool = False) -> Any:
    """An argument with its arrays of balls replaced; in a list that holds some, or of products, constants too."""
    if is_ball_array(argument):
        return side(argument)
    if isinstance(argument, list | tuple) and any(is_ball_array(a) or isinstance(a, list | tuple) for a in argument):
        mixed = any(map(is_ball_array, argument))
        return type(argument)(_each(a, side, mixed) for a in argument)
    return side(argument) if constants else argument


def _paired(value: Any, balls: Any) -> Any:
    if isinstance(value, list | tuple):
        return type(value)(_paired(v, b) for v, b in zip(value, balls, strict=True))
    return BallArray(value, as_balls(balls, value.shape))


def _move(function: Function, *args: Any, **kwargs: Any) -> Any:
    """Only places change."""
    value = function(*(_each(a, value_of) for a in args), **kwargs)
    return _paired(value, function(*(_each(a, balls_of) for a in args), **kwargs))


def _product(function: Function, *args: Any, **kwargs: Any) -> Any:
    if set(kwargs) - {"axes"}:
        refuse(f"np.{function.__name__} with {', '.join(kwargs)}")
    text = [a for a in args if isinstance(a, str)]
    arrays = [a for a in args if not isinstance(a, str)]
    axes = [arrays.pop()] if function is np.tensordot and len(arrays) == 3 else []
    value = function(*text, *map(value_of, arrays), *axes, **kwargs)
    balls = [balls_of(a) for a in arrays]
    if function is np.vdot:
        return BallArray(value, as_balls((balls[0].ravel() * balls[1].ravel()).sum(), ()))
    return BallArray(value, as_balls(function(*text, *balls, *axes, **kwargs), value.shape))


def _decide(function: Function, *args: Any, **kwargs: Any) -> Any:
    """The floats decide; the answer is plain."""
    return function(*(_each(a, value_of) for a in args), **{k: _each(v, value_of) for k, v in kwargs.items()})


def _argument(function: Function, x: Any, axis: int | None = None, **kwargs: Any) -> Any:
    """argmax and argmin, which exact values must not contradict."""
    _extreme(np.max if function is np.argmax else np.min, x, axis)
    return function(x.value, axis=axis, **kwargs)


def _extreme(function: Function, x: Any, axis: Any = None, out: Any = None, keepdims: Any = False, **rest: Any) -> Any:
    ufunc = np.maximum if function is np.max else np.minimum
    return ufunc.reduce(x, axis=axis, out=out, keepdims=keepdims, **rest)


def _sum(function: Function, x: Any, axis: Any = None, dtype: Any = None, out: Any = None, **rest: Any) -> Any:
    ufunc = np.multiply if function is np.prod else np.add
    return ufunc.reduce(x, axis=axis, dtype=dtype, out=out, **rest)


def _mean(
    function: Function, x: Any, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: Any = False
) -> Any:
    if out is not None or (dtype is not None and np.dtype(dtype) != x.dtype):
        refuse("np.mean with out or dtype")
    value = np.mean(x.value, axis=axis, keepdims=keepdims)
    total = np.add.reduce(x, axis=axis, keepdims=keepdims)
    return BallArray(value, objects(total.balls / max(x.size // max(value.size, 1), 1), value.shape))


def _var(
    function: Function,
    x: Any,
    axis: Any = None,
    dtype: Any = None,
    out: Any = None,
    ddof: int = 0,
    keepdims: Any = False,
) -> Any:
    if out is not None or dtype is not None:
        refuse(f"np.{function.__name__} with out or dtype")
    value = function(x.value, axis=axis, ddof=ddof, keepdims=keepdims)
    away = x.balls - _mean(np.mean, x, axis, keepdims=True).balls
    count = x.size // max(value.size, 1) - ddof
    spread = objects(np.add.reduce(away * away, axis=axis, keepdims=keepdims) / count, value.shape)
    return BallArray(value, spread if function is np.var else objects(np.sqrt(spread), value.shape))


def _cumulative(function: Function, x: Any, axis: Any = None) -> Any:
    return BallArray(
        function(x.value, axis=axis), as_balls(function(x.balls, axis=axis), function(x.value, axis).shape)
    )


def _average(function: Function, x: Any, axis: Any = None, weights: Any = None) -> Any:
    value = np.average(value_of(x), axis=axis, weights=value_of(weights))
    if weights is None:
        return BallArray(value, _mean(np.mean, x, axis).balls)
    if np.shape(weights) != np.shape(x):
        refuse("np.average with weights along one axis")
    w = balls_of(weights)
    return BallArray(value, as_balls((balls_of(x) * w).sum(axis=axis) / w.sum(axis=axis), value.shape))


def _norm(function: Function, x: Any, ord: Any = None, axis: Any = None, keepdims: Any = False) -> Any:  # noqa: A002
    if not (ord is None or (ord == 2 and (isinstance(axis, int) or x.ndim == 1))):
        refuse(f"np.linalg.norm of order {ord}")
    value = function(x.value, ord=ord, axis=axis, keepdims=keepdims)
    squares = np.add.reduce(x.balls * x.balls, axis=axis, keepdims=keepdims)
    return BallArray(value, objects(np.sqrt(as_balls(squares, value.shape)), value.shape))


def _where(function: Function, condition: Any, *sides: Any) -> Any:
    condition = np.not_equal(condition, 0) if is_ball_array(condition) else condition
    value = np.where(condition, *map(value_of, sides))
    if not sides:
        return value
    if value.dtype.kind != "f":
        refuse("np.where of no floats")
    return BallArray(value, as_balls(np.where(condition, *map(balls_of, sides)), value.shape))


def _clip(function: Function, x: Any, low: Any = None, high: Any = None, **rest: Any) -> Any:
    low, high = rest.get("min", low), rest.get("max", high)
    lifted = x if low is None else np.maximum(x, low)
    return lifted if high is None else np.minimum(lifted, high)


def _like(function: Function, x: Any, *args: Any, **kwargs: Any) -> Any:
    value = function(value_of(x), *map(value_of, args), **kwargs)
    if value.dtype.kind != "f":
        return value
    fill = args[0] if function is np.full_like else int(function is np.ones_like)
    balls = np.empty(value.shape, object)
    balls[...] = balls_of(fill).item() if np.ndim(fill) == 0 else balls_of(fill)
    if function is np.empty_like:
        value[...] = 0
    return BallArray(value, balls)


def _in_place(function: Function, target: Any, *args: Any) -> None:
    if not is_ball_array(target):
        refuse(f"np.{function.__name__} into an array of plain floats")
    *places, new = args
    balls = balls_of(new)
    function(target.value, *places, value_of(new))
    function(target.balls, *places, balls if balls.ndim else balls.item())


def _linear(function: Function, *matrices: Any) -> Any:
    """Inverses and solutions of one system."""
    if any(np.ndim(m) not in (1, 2) for m in matrices):
        refuse(f"np.linalg.{function.__name__} of stacks of matrices")
    value = function(*map(value_of, matrices))
    first, *rest = (arb_mat(balls_of(m).reshape(np.shape(m)[0], -1).tolist()) for m in matrices)
    try:
        found = first.solve(*rest) if rest else first.inv()
    except ZeroDivisionError:
        refuse(f"np.linalg.{function.__name__} of a matrix that may be singular")
    return BallArray(value, objects(np.array(found.entries(), object).reshape(value.shape), value.shape))


def _names(module: Any, handler: Function, names: str) -> dict[Function, Function]:
    return {getattr(module, name): handler for name in names.split() if hasattr(module, name)}


MOVES = (
    "append array_split atleast_1d atleast_2d atleast_3d block broadcast_arrays broadcast_to column_stack concatenate "
    "copy diag diagonal dstack expand_dims flip fliplr flipud hsplit hstack matrix_transpose meshgrid moveaxis pad "
    "permute_dims ravel repeat reshape roll rollaxis rot90 split squeeze stack swapaxes take take_along_axis tile "
    "transpose tril triu unstack vsplit vstack real"
)
DECIDED = (
    "all allclose any argpartition argsort argwhere array_equal count_nonzero digitize flatnonzero iscomplexobj "
    "isclose isrealobj may_share_memory ndim nonzero result_type searchsorted shape shares_memory size"
)
FUNCTIONS: dict[Function, Function] = {
    **_names(np, _move, MOVES),
    **_names(np, _decide, DECIDED),
    **_names(np, _product, "dot inner outer vdot tensordot einsum kron trace"),
    **_names(np, _sum, "sum prod"),
    **_names(np, _extreme, "max min"),
    **_names(np, _argument, "argmax argmin"),
    **_names(np, _var, "var std"),
    **_names(np, _cumulative, "cumsum cumprod"),
    **_names(np, _like, "zeros_like ones_like empty_like full_like"),
    **_names(np, _in_place, "fill_diagonal put_along_axis copyto"),
    **_names(np.linalg, _linear, "inv solve"),
    np.mean: _mean,
    np.average: _average,
    np.where: _where,
    np.clip: _clip,
    np.linalg.norm: _norm,
}


def applies(arguments: Sequence[Any]) -> bool:
    """Whether an array of balls is among them, in lists too."""
    return any(is_ball_array(a) or (isinstance(a, list | tuple) and applies(a)) for a in arguments)
