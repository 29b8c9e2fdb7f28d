"""An array of floats with a ball for every element. To the user's code it is a NumPy array, as far as it goes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

from backproof.derivation.ball_arrays.constants import constant_balls
from backproof.derivation.ball_arrays.refusal import refuse
from backproof.truth.balls import Objects, objects


class BallArray(NDArrayOperatorsMixin):
    """`value`, what NumPy has here (an array of floats, or one float), and `balls`, an object array of its shape.

    Views of the one are views of the other, so that assigning to a part works as in NumPy.
    """

    __slots__ = ("balls", "value")
    __hash__ = None  # type: ignore[assignment]

    def __init__(self, value: Any, balls: Objects) -> None:
        self.value, self.balls = value, balls

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **options: Any) -> Any:
        from backproof.derivation.ball_arrays.ufuncs import apply

        return apply(ufunc, method, inputs, options)

    def __array_function__(self, function: Callable[..., Any], types: Any, args: Any, kwargs: Any) -> Any:
        return call(function, *args, **kwargs)

    @property  # type: ignore[misc]
    def __class__(self) -> Any:  # isinstance(x, np.ndarray) in the user's code sees what it would see
        return type(self.value)

    def __getattr__(self, name: str) -> Any:
        if name in FACTS:
            return getattr(self.value, name)
        if name in METHODS:
            return lambda *args, **kwargs: call(METHODS[name], self, *args, **kwargs)
        if hasattr(self.value, name):
            refuse(f"the attribute {name} of an array")
        raise AttributeError(f"'{type(self.value).__name__}' object has no attribute '{name}'")

    @property
    def T(self) -> Any:  # noqa: N802
        return BallArray(self.value.T, self.balls.T)

    @property
    def mT(self) -> Any:  # noqa: N802
        return BallArray(self.value.mT, self.balls.mT)

    @property
    def real(self) -> Any:
        return self

    @property
    def flat(self) -> Any:
        return call(np.ravel, self)

    def reshape(self, *shape: Any, order: Any = "C") -> Any:
        value = self.value.reshape(*shape, order=order)
        return BallArray(value, objects(self.balls.reshape(value.shape, order=order), value.shape))

    def transpose(self, *axes: Any) -> Any:
        return BallArray(self.value.transpose(*axes), self.balls.transpose(*axes))

    def flatten(self) -> Any:
        return call(np.ravel, self).copy()

    def copy(self, order: Any = "C") -> Any:
        return BallArray(self.value.copy(), self.balls.copy())

    def astype(self, dtype: Any, copy: bool = True) -> Any:
        """As the float decides for integers and booleans; a float of another precision is another computation."""
        if np.dtype(dtype) == self.value.dtype:
            return self.copy() if copy else self
        if np.dtype(dtype).kind in "biu":
            return self.value.astype(dtype)
        return refuse(f"astype({np.dtype(dtype)})")

    def item(self, *index: Any) -> Any:
        return self[index] if len(index) > 1 else call(np.ravel, self)[index[0] if index else 0]

    def fill(self, value: Any) -> None:
        self[...] = value

    conj = conjugate = lambda self: self

    def __getitem__(self, key: Any) -> Any:
        value = self.value[key]
        return BallArray(value, objects(self.balls[key], value.shape))

    def __setitem__(self, key: Any, new: Any) -> None:
        balls = balls_of(new)
        self.value[key] = value_of(new)
        self.balls[key] = balls if balls.ndim else balls.item()

    def __len__(self) -> int:
        return len(self.value)

    def __iter__(self) -> Iterator[Any]:
        return (self[i] for i in range(len(self)))

    def __bool__(self) -> bool:
        return bool(self != 0)

    def __int__(self) -> int:
        return int(self.value)

    def __copy__(self) -> Any:
        return self.copy()

    def __deepcopy__(self, memo: Any) -> Any:
        return self.copy()

    def __repr__(self) -> str:
        return repr(self.value)

    def __format__(self, spec: str) -> str:
        return format(self.value, spec)

    def __float__(self) -> float:
        return refuse("float() of an array")

    def __array__(self, *args: Any, **kwargs: Any) -> Any:
        return refuse("a conversion to an array of plain floats")


def is_ball_array(value: Any) -> bool:
    """isinstance would be told the class of the floats."""
    return type(value) is BallArray


def value_of(value: Any) -> Any:
    """What NumPy has."""
    return value.value if is_ball_array(value) else value


def balls_of(value: Any) -> Objects:
    """The balls of an array, or of a constant."""
    return value.balls if is_ball_array(value) else constant_balls(value)


def call(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """One of NumPy's functions on arrays of balls."""
    from backproof.derivation.ball_arrays.functions import FUNCTIONS

    if function not in FUNCTIONS:
        refuse(f"np.{function.__name__}")
    return FUNCTIONS[function](function, *args, **kwargs)


FACTS = {"shape", "ndim", "size", "dtype", "itemsize", "nbytes", "strides", "flags"}
METHODS = {
    function.__name__.removeprefix("a") if function in (np.max, np.min) else function.__name__: function
    for function in (
        *(np.all, np.any, np.argmax, np.argmin, np.argsort, np.clip, np.cumprod, np.cumsum, np.diagonal, np.dot),
        *(np.max, np.mean, np.min, np.nonzero, np.prod, np.ravel, np.repeat, np.squeeze, np.std, np.sum),
        *(np.swapaxes, np.take, np.trace, np.var),
    )
}
