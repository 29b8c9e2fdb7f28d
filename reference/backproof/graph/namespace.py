"""The array namespace that a loss is traced in: the array API's names, made of nodes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from backproof.core.errors import InputError
from backproof.graph import layout_ops, nodes, selection_ops
from backproof.graph.functions import FUNCTIONS
from backproof.graph.nodes import Node

Axis = int | Sequence[int] | None


class Untraceable(InputError, AttributeError):
    """The loss asks the namespace for a function that cannot be traced."""


def _unary(op: str) -> Any:
    return staticmethod(lambda x: nodes.unary(op, x))


def _binary(op: str) -> Any:
    return staticmethod(lambda a, b: nodes.binary(op, a, b))


def _compare(relation: str) -> Any:
    return staticmethod(lambda a, b: nodes.compare(relation, a, b))


def _functions(*functions: Any) -> Any:
    return map(staticmethod, functions)


def _number(function: Callable[..., Any]) -> Any:
    """A NumPy function that makes constants."""
    return staticmethod(lambda *args, dtype=None, **named: nodes.as_node(np.asarray(function(*args, **named), float)))


def _variance(name: str, x: Any, axis: Axis, correction: float, keepdims: bool) -> Node:
    node = nodes.as_node(x)
    axes = nodes.axes_of(node, axis)
    count = nodes.terms(node, axes)
    if count <= correction and nodes.total(node, axis).size:
        raise InputError(f"{name}: {nodes.counted(node, axes)}, where the correction is {correction}")
    squares = (node - nodes.mean(node, axis, True)) ** 2
    return nodes.total(squares, axis, keepdims) / (count - correction)


def _masked(name: str, triangle: Callable[..., Any], x: Any, k: int) -> Node:
    node = nodes.as_node(x)
    if not node.shape:
        raise InputError(f"{name}: a scalar has no triangle")
    return nodes.binary("multiply", node, triangle(np.ones(node.shape), k))


class Namespace:
    """The array-API functions that can be traced, and those of FUNCTIONS; the standard lacks `sigmoid`."""

    add, subtract, multiply, divide = map(_binary, ("add", "subtract", "multiply", "divide"))
    negative, abs = map(_unary, ("negative", "abs"))
    greater, greater_equal, less, less_equal, equal, not_equal = map(_compare, (">", ">=", "<", "<=", "==", "!="))
    logical_and, logical_or, logical_not = (
        staticmethod(lambda a, b: nodes.as_node(a) & b),
        staticmethod(lambda a, b: nodes.as_node(a) | b),
        staticmethod(lambda a: ~nodes.as_node(a)),
    )
    maximum, minimum, where = _functions(selection_ops.maximum, selection_ops.minimum, selection_ops.where)
    matmul, pow, reshape, broadcast_to = _functions(nodes.matmul, nodes.power, nodes.reshape, nodes.broadcast)
    concat, stack, expand_dims, squeeze = _functions(
        layout_ops.concat, layout_ops.stack, layout_ops.expand_dims, layout_ops.squeeze
    )
    ones, zeros, full, arange = (_number(f) for f in (np.ones, np.zeros, np.full, np.arange))
    eye, linspace = _number(np.eye), _number(np.linspace)
    pi, e, inf, newaxis, float64, float32 = np.pi, np.e, np.inf, None, "float64", "float32"

    @staticmethod
    def asarray(x: Any, dtype: Any = None) -> Node:
        return nodes.as_node(x)

    @staticmethod
    def astype(x: Any, dtype: Any) -> Node:
        return nodes.as_node(x)

    @staticmethod
    def square(x: Any) -> Node:
        return nodes.power(x, 2)

    @staticmethod
    def reciprocal(x: Any) -> Node:
        return 1 / nodes.as_node(x)

    @staticmethod
    def logaddexp(a: Any, b: Any) -> Node:
        difference = nodes.as_node(a) - b
        return selection_ops.maximum(a, b) + nodes.unary("log1p", nodes.unary("exp", -abs(difference)))

    @staticmethod
    def clip(x: Any, min: Any = None, max: Any = None) -> Node:  # noqa: A002 (the array API's names)
        raised = nodes.as_node(x) if min is None else selection_ops.maximum(x, min)
        return raised if max is None else selection_ops.minimum(raised, max)

    @staticmethod
    def sum(x: Any, *, axis: Axis = None, keepdims: bool = False) -> Node:
        return nodes.total(x, axis, keepdims)

    @staticmethod
    def mean(x: Any, *, axis: Axis = None, keepdims: bool = False) -> Node:
        return nodes.mean(x, axis, keepdims)

    @staticmethod
    def var(x: Any, *, axis: Axis = None, correction: float = 0, keepdims: bool = False) -> Node:
        return _variance("var", x, axis, correction, keepdims)

    @staticmethod
    def std(x: Any, *, axis: Axis = None, correction: float = 0, keepdims: bool = False) -> Node:
        return nodes.unary("sqrt", _variance("std", x, axis, correction, keepdims))

    @staticmethod
    def max(x: Any, *, axis: Axis = None, keepdims: bool = False) -> Node:
        return selection_ops.largest(x, axis, keepdims)

    @staticmethod
    def min(x: Any, *, axis: Axis = None, keepdims: bool = False) -> Node:
        return selection_ops.smallest(x, axis, keepdims)

    @staticmethod
    def vecdot(a: Any, b: Any, *, axis: int = -1) -> Node:
        return nodes.total(layout_ops.beside(a, b, axis), -1)

    @staticmethod
    def permute_dims(x: Any, axes: Sequence[int]) -> Node:
        return nodes.transpose(x, axes)

    @staticmethod
    def matrix_transpose(x: Any) -> Node:
        return nodes.as_node(x).mT

    @staticmethod
    def ones_like(x: Any) -> Node:
        return nodes.as_node(np.ones(np.shape(x) if not isinstance(x, Node) else x.shape))

    @staticmethod
    def zeros_like(x: Any) -> Node:
        return nodes.as_node(np.zeros(np.shape(x) if not isinstance(x, Node) else x.shape))

    @staticmethod
    def tril(x: Any, *, k: int = 0) -> Node:
        return _masked("tril", np.tril, x, k)

    @staticmethod
    def triu(x: Any, *, k: int = 0) -> Node:
        return _masked("triu", np.triu, x, k)

    def __getattr__(self, name: str) -> Any:
        if name in FUNCTIONS:
            return partial(nodes.unary, name)
        offered = ", ".join(sorted([*FUNCTIONS, *(n for n in vars(type(self)) if not n.startswith("_"))]))
        raise Untraceable(f"xp.{name} cannot be traced; the loss may use: {offered}")
