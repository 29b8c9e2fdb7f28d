"""Exact arithmetic on object arrays: certified balls (`balls`), or truncated Taylor series over them (`series`)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any

import numpy as np
from flint import arb, arb_mat

from backproof.core.errors import InputError
from backproof.graph.functions import Function
from backproof.graph.layout_ops import add_at
from backproof.graph.nodes import Node
from backproof.graph.selection_ops import rows_along
from backproof.truth.balls import Objects, balls, objects, zeros
from backproof.truth.series import Series, constant


class Undecided(InputError):
    """A choice (comparison, maximum, abs, max) is a tie at these inputs: the loss has a kink there, or may have."""


def of_scalar(function: Function, v: Any) -> Any:
    """The function of one ball or series. Raises ZeroDivisionError where it divides by what may be zero."""
    if not isinstance(v, Series):
        return function.ball(v)
    try:
        return Series(function.series(v.terms))
    except ValueError as error:  # flint's, of series
        raise ZeroDivisionError(str(error)) from None


def sign(v: Any, node: Node) -> int:
    """1, 0 or -1, certified. Undecided where the ball holds zero and more, or is a tie that the parameters bear on."""
    ball = constant(v)
    if ball > 0:
        return 1
    if ball < 0:
        return -1
    if ball == 0 and not node.attributes.get("active"):  # a tie among data alone is what it is
        return 0
    at = f" at line {node.line}" if node.line else ""
    raise Undecided(f"{node.op}{at} is a tie at these inputs: the loss has a kink there, or cannot be told from one")


def _elementwise(ufunc: Callable[..., Any]) -> Callable[..., Objects]:
    """A ufunc as a method."""
    return lambda self, node, *values: objects(ufunc(*values), node.shape)


def _by_sign(result: Callable[[int, Any], Any]) -> Callable[..., Objects]:
    """A function of a value and its certified sign, as a method."""

    def method(self: Exact, node: Node, x: Objects) -> Objects:
        return objects(np.frompyfunc(lambda v: result(sign(v, node), v), 1, 1)(x), node.shape)

    return method


def _largest(row: Objects, node: Node) -> int:
    best = 0
    for i in range(1, len(row)):
        if sign(row[i] - row[best], node) > 0:
            best = i
    return best


def _column(values: Iterable[Any]) -> Objects:
    listed = list(values)
    column = np.empty(len(listed), object)
    column[:] = listed  # not np.array, which would unpack a series
    return column


class Exact:
    """Sweep with scalars that know + - * / ** and the functions of FUNCTIONS: balls or series."""

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
    positive = _by_sign(lambda s, v: arb(s > 0))
    nonnegative = _by_sign(lambda s, v: arb(s >= 0))
    zero = _by_sign(lambda s, v: arb(s == 0))
    abs = _by_sign(lambda s, v: -v if s < 0 else v)

    def function(self, node: Node, function: Function, x: Objects) -> Objects:
        """Of balls, or of series by what an `arb_series` knows alone: so that one holds the other to account."""

        return objects(np.frompyfunc(partial(of_scalar, function), 1, 1)(x), node.shape)

    def power(self, node: Node, x: Objects) -> Objects:
        p = node.attributes["exponent"]
        if p == 0:
            return balls(np.ones(node.shape))
        raised = x ** abs(p) if isinstance(p, int) else x ** arb(p)
        return objects(1 / raised if isinstance(p, int) and p < 0 else raised, node.shape)

    def maximum(self, node: Node, a: Objects, b: Objects) -> Objects:
        larger = np.frompyfunc(lambda v, w: v if sign(v - w, node) >= 0 else w, 2, 1)
        return objects(larger(a, b), node.shape)

    def where(self, node: Node, c: Objects, a: Objects, b: Objects) -> Objects:
        return objects(np.frompyfunc(lambda c, v, w: w if constant(c) == 0 else v, 3, 1)(c, a, b), node.shape)

    def max(self, node: Node, x: Objects) -> Objects:
        rows = rows_along(x, node.attributes["axes"])
        return objects(_column(row[_largest(row, node)] for row in rows), (len(rows),)).reshape(node.shape)

    def lead(self, node: Node, x: Objects) -> Objects:
        """How far the maximum is above the rest (1 where there is no rest)."""
        found = []
        for row in rows_along(x, node.attributes["axes"]):
            top = _largest(row, node)
            rest = np.delete(row, top)
            found.append(row[top] - rest[_largest(rest, node)] if len(rest) else arb(1))
        return _column(found).reshape(node.shape)

    def peak(self, node: Node, x: Objects, lead: Objects) -> Objects:
        axes = node.attributes["axes"]
        rows = rows_along(x, axes)
        mask = np.zeros(rows.shape, object)
        for row, flags in zip(rows, mask, strict=True):
            flags[_largest(row, node)] = 1
        kept = [s for a, s in enumerate(x.shape) if a not in axes] + [x.shape[a] for a in axes]
        back = np.moveaxis(mask.reshape(kept), range(-len(axes), 0), axes)
        return balls(back.astype(np.int64))

    def take(self, node: Node, x: Objects) -> Objects:
        return objects(x.reshape(-1)[node.attributes["positions"]], node.shape)

    def scatter(self, node: Node, x: Objects) -> Objects:
        return objects(add_at(zeros((node.size,)), node.attributes["positions"], x).reshape(node.shape), node.shape)

    def concat(self, node: Node, *parts: Objects) -> Objects:
        return np.concatenate(parts, node.attributes["axis"])

    def transpose(self, node: Node, x: Objects) -> Objects:
        return x.transpose(node.attributes["axes"])

    def reshape(self, node: Node, x: Objects) -> Objects:
        return x.reshape(node.shape)

    def broadcast(self, node: Node, x: Objects) -> Objects:
        return np.broadcast_to(x, node.shape)

    def sum(self, node: Node, x: Objects) -> Objects:
        if not x.size:  # NumPy's sum of no objects is the int 0
            return zeros(node.shape)
        return objects(np.add.reduce(x, axis=node.attributes["axes"]), node.shape)

    def matmul(self, node: Node, a: Objects, b: Objects) -> Objects:
        return a @ b if a.shape[-1] else zeros(node.shape)


class Balls(Exact):
    """Exact arithmetic on balls, with products of matrices by flint."""

    def matmul(self, node: Node, a: Objects, b: Objects) -> Objects:
        product = np.empty(node.shape, object)
        for index in np.ndindex(node.shape[:-2]):
            product[index] = _column((_matrix(a[index]) * _matrix(b[index])).entries()).reshape(node.shape[-2:])
        return product


def _matrix(x: Objects) -> arb_mat:
    return arb_mat(*x.shape, x.ravel().tolist())  # of nested lists it cannot tell (0, 3) from (0, 0)
