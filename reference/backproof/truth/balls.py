"""Arrays of balls: made of numbers, and read as numbers.

A ball (python-flint's `arb`) is an enclosure: the true value lies in it, rounding included. python-flint's unbound
methods do not check what they are applied to: `arb.abs_upper(0)` reads memory that is no ball. NumPy hands out what is
no ball where an array of objects is empty (its sum is the int 0). So methods of balls are called on balls alone, as
`v.abs_upper()`, and what whole arrays are read by is here; `tests/truth/test_balls.py` looks for unbound ones.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import flint
import numpy as np
from flint import arb

from backproof.rounding.formats import Floats

Objects = np.ndarray[Any, Any]  # of arb, or of Series over them


@contextmanager
def precision(bits: int) -> Iterator[None]:
    """Balls are rounded to `bits` within this block."""
    before = flint.ctx.prec
    flint.ctx.prec = bits
    try:
        yield
    finally:
        flint.ctx.prec = before


def objects(value: Any, shape: tuple[int, ...]) -> Objects:
    """`value` as an array of objects of this shape: NumPy hands 0-d results back bare."""
    if isinstance(value, np.ndarray) and value.shape == shape:
        return value
    array = np.empty(shape, object)
    array[...] = value
    return array


def balls(values: Any) -> Objects:
    """Floating-point or integer values as balls of radius zero. Raises TypeError for anything else."""
    values = np.asarray(values)
    if values.dtype.kind not in "biuf":
        raise TypeError(f"balls are made of numbers, not of {values.dtype}")
    high = values.astype(np.float64) if values.dtype == np.longdouble else values  # no object holds a long double
    made = objects(np.frompyfunc(arb, 1, 1)(high), values.shape)
    return made if high is values else objects(made + balls((values - high).astype(np.float64)), values.shape)


def zeros(shape: tuple[int, ...]) -> Objects:
    """Balls that are zero: sums of no terms."""
    return objects(arb(0), shape)


def abs_upper(values: Objects) -> Floats:
    """The least float64 upper bound of |value|, to rounding (`quantities.SLACK` covers it), of every ball."""
    return _read(lambda v: float(v.abs_upper()), values, np.float64)


def abs_lower(values: Objects) -> Floats:
    """The greatest float64 lower bound of |value|, to rounding, of every ball."""
    return _read(lambda v: float(v.abs_lower()), values, np.float64)


def middles(values: Objects) -> Floats:
    """The middle of every ball, as float64."""
    return _read(lambda v: float(v.mid()), values, np.float64)


def radii(values: Objects) -> Floats:
    """The radius of every ball, as float64."""
    return _read(lambda v: float(v.rad()), values, np.float64)


def finite(values: Objects) -> np.ndarray[Any, Any]:
    """Where balls have finite ends: bool."""
    return _read(lambda v: v.is_finite(), values, np.bool_)


def _read(number: Callable[[arb], Any], values: Objects, dtype: type[np.generic]) -> np.ndarray[Any, Any]:
    """`number` of every element, in an array of `dtype`. Raises TypeError for an element that is no ball."""

    def checked(v: Any) -> Any:
        if not isinstance(v, arb):
            raise TypeError(f"an element of type {type(v).__name__} is not a ball")
        return number(v)

    return np.array(np.frompyfunc(checked, 1, 1)(values), dtype)
