"""Exact arithmetic on object arrays: certified balls, and truncated Taylor series over them.

A ball (python-flint's `arb`) is an enclosure: the true value lies in it, rounding included.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import flint
import numpy as np
from flint import arb, arb_mat, arb_series

from backproof.truth.graph import Node, Shape

Objects = np.ndarray[Any, Any]  # of arb or Series


@contextmanager
def precision(bits: int) -> Iterator[None]:
    """Balls are rounded to `bits` within this block."""
    before = flint.ctx.prec
    flint.ctx.prec = bits
    try:
        yield
    finally:
        flint.ctx.prec = before


def objects(value: Any, shape: Shape) -> Objects:
    """`value` as an array of this shape, of objects unless it is of numbers: NumPy hands 0-d results back bare."""
    if isinstance(value, np.ndarray | np.generic) and value.shape == shape:
        return np.asarray(value)
    array = np.empty(shape, object)
    array[...] = value
    return array


def balls(values: Any) -> Objects:
    """Floating-point or integer values as balls of radius zero."""
    values = np.asarray(values)
    return objects(np.frompyfunc(arb, 1, 1)(values), values.shape)


def sigmoid(v: Any) -> Any:
    """1 / (1 + exp(-v)) of a ball or series, written so that a huge |v| does not overflow."""
    constant = v.terms[0] if isinstance(v, Series) else v
    if constant.mid() >= 0:
        return 1 / (1 + (-v).exp())
    e = v.exp()
    return e / (1 + e)


class Series:
    """a + b t: a value and its derivative along a line, as an order-2 `arb_series`.

    An `arb_series` is a sequence, which NumPy would unpack; hence the wrapper. It lacks tanh.
    """

    __slots__ = ("terms",)

    def __init__(self, terms: arb_series) -> None:
        self.terms = terms

    def __add__(self, other: Any) -> Series:
        return Series(self.terms + getattr(other, "terms", other))

    def __sub__(self, other: Any) -> Series:
        return Series(self.terms - getattr(other, "terms", other))

    def __rsub__(self, other: Any) -> Series:
        return Series(other - self.terms)

    def __mul__(self, other: Any) -> Series:
        return Series(self.terms * getattr(other, "terms", other))

    def __truediv__(self, other: Any) -> Series:
        return Series(self.terms / getattr(other, "terms", other))

    def __rtruediv__(self, other: Any) -> Series:
        return Series(other / self.terms)

    def __pow__(self, exponent: int) -> Series:
        return Series(self.terms**exponent)

    def __neg__(self) -> Series:
        return Series(-self.terms)

    __radd__, __rmul__ = __add__, __mul__

    def exp(self) -> Series:
        return Series(self.terms.exp())

    def log(self) -> Series:
        return Series(self.terms.log())

    def sqrt(self) -> Series:
        return Series(self.terms.sqrt())

    def tanh(self) -> Series:
        return 1 - 2 / (1 + (self + self).exp())


def _elementwise(ufunc: Callable[..., Any]) -> Callable[..., Objects]:
    """A ufunc as a method; on objects NumPy's `exp` calls their method `exp`, and so on."""
    return lambda self, node, *values: objects(ufunc(*values), node.shape)


class Exact:
    """Sweep with scalars that know + - * / ** and exp, log, sqrt, tanh: balls or series."""

    def __init__(self, inputs: Mapping[str, Objects]) -> None:
        self.inputs = inputs

    def input(self, node: Node) -> Objects:
        return self.inputs[node.attributes["name"]]

    def constant(self, node: Node) -> Objects:
        return balls(node.attributes["value"])

    add = _elementwise(np.add)
    subtract = _elementwise(np.subtract)
    multiply = _elementwise(np.multiply)
    divide = _elementwise(np.divide)
    negative = _elementwise(np.negative)
    exp = _elementwise(np.exp)
    log = _elementwise(np.log)
    sqrt = _elementwise(np.sqrt)
    tanh = _elementwise(np.tanh)
    sigmoid = _elementwise(np.frompyfunc(sigmoid, 1, 1))

    def power(self, node: Node, x: Objects) -> Objects:
        return objects(x ** node.attributes["exponent"], node.shape)

    def transpose(self, node: Node, x: Objects) -> Objects:
        return x.transpose(node.attributes["axes"])

    def reshape(self, node: Node, x: Objects) -> Objects:
        return x.reshape(node.shape)

    def broadcast(self, node: Node, x: Objects) -> Objects:
        return np.broadcast_to(x, node.shape)

    def sum(self, node: Node, x: Objects) -> Objects:
        return objects(np.add.reduce(x, axis=node.attributes["axes"]), node.shape)

    def matmul(self, node: Node, a: Objects, b: Objects) -> Objects:
        return a @ b


class Balls(Exact):
    """Exact arithmetic on balls, with products of matrices by flint."""

    def matmul(self, node: Node, a: Objects, b: Objects) -> Objects:
        product = arb_mat(a.tolist()) * arb_mat(b.tolist())
        entries: Objects = np.array(product.entries(), dtype=object)
        return entries.reshape(node.shape)


def along(values: Objects, direction: Objects) -> Objects:
    """values + t direction, as series."""
    lift = np.frompyfunc(lambda v, d: Series(arb_series([v, d], prec=2)), 2, 1)
    return objects(lift(values, direction), values.shape)
