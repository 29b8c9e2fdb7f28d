"""Operations that only move values: joining, new axes, and the adjoint of indexing; on nodes and on NumPy arrays."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from backproof.core.errors import InputError
from backproof.graph.nodes import Node, as_node, axes_of, reshape, transpose


def scatter(g: Any, positions: Any, shape: tuple[int, ...]) -> Any:
    """The adjoint of `graph.take`: every component of `g` added to where it was taken from."""
    if isinstance(g, Node):
        return Node("scatter", (g,), shape, positions=positions)
    return add_at(np.zeros(int(np.prod(shape)), np.asarray(g).dtype), positions, g).reshape(shape)


def add_at(target: Any, positions: Any, values: Any) -> Any:
    """`target`, flat, with `values` added at `positions`, repeated ones included."""
    np.add.at(target, positions.ravel(), np.ravel(values))
    return target


def multiplicity(positions: Any) -> int:
    """How often the most used position occurs."""
    return int(np.bincount(positions.ravel()).max()) if positions.size else 1


def concat(arrays: Sequence[Any], axis: int = 0) -> Node:
    """The arrays one after the other along an axis they have."""
    nodes = [as_node(array) for array in arrays]
    if not nodes:
        raise InputError("concat: there is no array to join")
    first = nodes[0]
    if first.ndim:
        (axis,) = axes_of(first, axis)
    rest = {node.shape[:axis] + node.shape[axis + 1 :] for node in nodes if node.ndim == first.ndim}
    if first.ndim == 0 or len(rest) != 1 or any(node.ndim != first.ndim for node in nodes):
        raise InputError(f"concat: shapes {', '.join(str(n.shape) for n in nodes)} do not fit along axis {axis}")
    length = sum(node.shape[axis] for node in nodes)
    shape = (*first.shape[:axis], length, *first.shape[axis + 1 :])
    return Node("concat", tuple(nodes), shape, axis=axis)


def stack(arrays: Sequence[Any], axis: int = 0) -> Node:
    """The arrays along a new axis."""
    widened = [expand_dims(array, axis) for array in arrays]
    if not widened:
        raise InputError("stack: there is no array to join")
    return concat(widened, axis)


def beside(a: Any, b: Any, axis: int) -> Node:
    """The products of the components of a and b, `axis` of both as the last one. InputError where it differs."""
    left, right = _last(as_node(a), axis), _last(as_node(b), axis)
    if left.shape[-1] != right.shape[-1]:
        raise InputError(f"vecdot: shapes {left.shape} and {right.shape} differ along the axis that is summed")
    return left * right


def _last(x: Node, axis: int) -> Node:
    (at,) = axes_of(x, axis)
    return x if at == x.ndim - 1 else transpose(x, [*(a for a in range(x.ndim) if a != at), at])


def expand_dims(x: Any, axis: int) -> Node:
    """x with a new axis of length 1 before `axis`."""
    node = as_node(x)
    if not -node.ndim - 1 <= axis <= node.ndim:
        raise InputError(f"axis {axis} of an array that is to have {node.ndim + 1} axes")
    at = axis % (node.ndim + 1)
    return reshape(node, (*node.shape[:at], 1, *node.shape[at:]))


def squeeze(x: Any, axis: int | Sequence[int]) -> Node:
    """x without these axes. Raises InputError where one is not of length 1."""
    node = as_node(x)
    axes = axes_of(node, axis)
    if any(node.shape[a] != 1 for a in axes):
        raise InputError(f"squeeze: axis {axis} of shape {node.shape} is not of length 1")
    return reshape(node, tuple(s for a, s in enumerate(node.shape) if a not in axes))
