"""Operations that choose: where, maximum, max; on nodes and on NumPy arrays.

Where a choice that the parameters bear on is a tie, the loss has a kink: see `exact.Undecided`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from backproof.core.errors import InputError
from backproof.graph.nodes import Node, as_node, axes_of, binary, broadcast, counted, reshape, terms, unary

CHOOSING = ("positive", "nonnegative", "zero", "abs", "maximum", "max")


def positive(x: Any) -> Any:
    """1 where x > 0, 0 elsewhere."""
    return unary("positive", x) if isinstance(x, Node) else (x > 0).astype(x.dtype)


def where(condition: Any, a: Any, b: Any) -> Any:
    """a where the condition holds (is not 0), b elsewhere."""
    if not any(isinstance(value, Node) for value in (condition, a, b)):
        return np.where(np.asarray(condition) != 0, a, b)
    condition, a, b = as_node(condition), as_node(a), as_node(b)
    try:
        shape = np.broadcast_shapes(condition.shape, a.shape, b.shape)
    except ValueError:
        raise InputError(f"where: shapes {condition.shape}, {a.shape} and {b.shape} do not broadcast") from None
    return Node("where", tuple(broadcast(value, shape) for value in (condition, a, b)), shape)


def maximum(a: Any, b: Any) -> Node:
    """The larger of a and b, componentwise."""
    return binary("maximum", a, b)


def minimum(a: Any, b: Any) -> Node:
    """The smaller of a and b, componentwise."""
    return -maximum(-as_node(a), -as_node(b))


def largest(x: Any, axis: int | Sequence[int] | None = None, keepdims: bool = False) -> Node:
    """The maximum over `axis` (all axes if None). Raises InputError where that is no value's."""
    return _largest(as_node(x), axis, keepdims, "max")


def smallest(x: Any, axis: int | Sequence[int] | None = None, keepdims: bool = False) -> Node:
    """The minimum over `axis` (all axes if None). Raises InputError where that is no value's."""
    return -_largest(-as_node(x), axis, keepdims, "min")


def _largest(node: Node, axis: int | Sequence[int] | None, keepdims: bool, name: str) -> Node:
    axes = axes_of(node, axis)
    if not terms(node, axes):
        raise InputError(f"{name}: {counted(node, axes)}")
    found = Node("max", (node,), tuple(s for a, s in enumerate(node.shape) if a not in axes), axes=axes)
    return reshape(found, tuple(1 if a in axes else s for a, s in enumerate(node.shape))) if keepdims else found


def rows_along(x: Any, axes: Sequence[int]) -> Any:
    """An array as a matrix whose rows run along `axes`."""
    moved = np.moveaxis(x, axes, range(-len(axes), 0))
    kept = x.ndim - len(axes)
    return moved.reshape(math.prod(moved.shape[:kept]), math.prod(moved.shape[kept:]))


def peak(x: Any, axes: tuple[int, ...]) -> Any:
    """1 at the maximum over `axes`, 0 elsewhere."""
    if not isinstance(x, Node):
        top: Any = (x == x.max(axis=axes, keepdims=True)).astype(x.dtype)
        return top
    lead = Node("lead", (x,), tuple(1 if a in axes else s for a, s in enumerate(x.shape)), axes=axes)
    return Node("peak", (x, lead), x.shape, axes=axes)
