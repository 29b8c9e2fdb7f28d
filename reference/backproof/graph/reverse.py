"""The reverse sweep: one table of local rules, for graphs and for numbers.

On nodes the rules write the adjoints into the graph itself, so that balls, rounding errors and every
other arithmetic can sweep them; on NumPy arrays they are an ordinary backward pass, which the diagnosis
runs with one rule replaced. They are checked from outside by Taylor series through the forward alone.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from backproof.graph import layout_ops, selection_ops
from backproof.graph.functions import FUNCTIONS, Function
from backproof.graph.nodes import Node, as_node, broadcast
from backproof.graph.sweep import reachable

# (the node, the adjoint of its result, its result, its arguments) -> the adjoint of each argument, None for
# one that the result does not depend on smoothly. Results and arguments are nodes, or all of them arrays.
Rule = Callable[..., Sequence[Any]]


def _unbroadcast(node: Node, g: Any, y: Any, x: Any) -> Sequence[Any]:
    """`g` summed over the axes that were added or stretched."""
    return (g.sum(axis=stretched(node)).reshape(node.args[0].shape),)


def stretched(node: Node) -> tuple[int, ...]:
    """The axes along which a broadcast node repeats its argument."""
    shape, added = node.args[0].shape, len(node.shape) - len(node.args[0].shape)
    return tuple(a for a, s in enumerate(node.shape) if a < added or shape[a - added] != s)


def _unreduce(node: Node, g: Any) -> Any:
    """`g`, of a reduction's shape, repeated along the axes that were reduced."""
    shape, axes = node.args[0].shape, node.attributes["axes"]
    kept = tuple(1 if a in axes else s for a, s in enumerate(shape))
    return repeat(g.reshape(kept), shape)


def repeat(g: Any, shape: tuple[int, ...]) -> Any:
    """`g`, a node or an array, broadcast to `shape`."""
    return broadcast(g, shape) if isinstance(g, Node) else np.broadcast_to(g, shape)


def _power(node: Node, g: Any, y: Any, x: Any) -> Sequence[Any]:
    p = node.attributes["exponent"]
    return (g * (p * x ** (p - 1)) if p else g * 0,)


def _unconcat(node: Node, g: Any, y: Any, *xs: Any) -> Sequence[Any]:
    axis, start, parts = node.attributes["axis"], 0, []
    for arg in node.args:
        stop = start + arg.shape[axis]
        parts.append(g[(slice(None),) * axis + (slice(start, stop),)])
        start = stop
    return parts


def _of_function(function: Function) -> Rule:
    return lambda node, g, y, x: (function.reverse(g, y, x),)


def _maximum(node: Node, g: Any, y: Any, a: Any, b: Any) -> Sequence[Any]:
    first = selection_ops.positive(a - b)
    return selection_ops.where(first, g, 0), selection_ops.where(first, 0, g)


RULES: dict[str, Rule] = {
    "add": lambda node, g, y, a, b: (g, g),
    "subtract": lambda node, g, y, a, b: (g, -g),
    "negative": lambda node, g, y, x: (-g,),
    "multiply": lambda node, g, y, a, b: (g * b, g * a),
    "divide": lambda node, g, y, a, b: (g / b, -g * y / b),
    "power": _power,
    "matmul": lambda node, g, y, a, b: (g @ b.mT, a.mT @ g),
    "transpose": lambda node, g, y, x: (g.transpose(_inverse(node.attributes["axes"])),),
    "reshape": lambda node, g, y, x: (g.reshape(node.args[0].shape),),
    "broadcast": _unbroadcast,
    "take": lambda node, g, y, x: (layout_ops.scatter(g, node.attributes["positions"], node.args[0].shape),),
    "concat": _unconcat,
    "sum": lambda node, g, y, x: (_unreduce(node, g),),
    "max": lambda node, g, y, x: (_unreduce(node, g) * selection_ops.peak(x, node.attributes["axes"]),),
    "maximum": _maximum,
    "where": lambda node, g, y, c, a, b: (None, selection_ops.where(c, g, 0), selection_ops.where(c, 0, g)),
    "positive": lambda node, g, y, x: (None,),
    "nonnegative": lambda node, g, y, x: (None,),
    "zero": lambda node, g, y, x: (None,),
    "abs": lambda node, g, y, x: (selection_ops.where(selection_ops.positive(x), g, -g),),
    **{name: _of_function(function) for name, function in FUNCTIONS.items()},
}


def _inverse(axes: Sequence[int]) -> list[int]:
    return sorted(range(len(axes)), key=axes.__getitem__)


def dependents(order: Iterable[Node], wrt: Iterable[Node]) -> set[Node]:
    """The nodes of `order` (arguments first) that are made of `wrt`, those included."""
    found = set(wrt)
    for node in order:
        if any(arg in found for arg in node.args):
            found.add(node)
    return found


def adjoints(loss: Node, wrt: Sequence[Node]) -> list[Node]:
    """dloss/dx for every x in `wrt`, as nodes of x's shape (a zero constant where the loss does not depend on x)."""
    order = reachable([loss])
    active = dependents(order, wrt)
    adjoint = {loss: as_node(1)}
    sweep(order, active, adjoint, {node: node for node in order}, {})
    return [adjoint[x] if x in adjoint else broadcast(0, x.shape) for x in wrt]


def sweep(
    order: Sequence[Node],
    active: Collection[Node],
    adjoint: dict[Node, Any],
    values: Mapping[Node, Any],
    replaced: Mapping[Node, Rule],
) -> None:
    """Complete `adjoint` in reverse `order`, by RULES on `values` but for the nodes whose rule is `replaced`."""
    for node in reversed(order):
        if node not in adjoint or not node.args or node not in active:
            continue
        rule = replaced.get(node) or RULES[node.op]
        local = rule(node, adjoint[node], values[node], *(values[arg] for arg in node.args))
        for arg, g in zip(node.args, local, strict=True):
            if g is not None and arg in active:
                adjoint[arg] = adjoint[arg] + g if arg in adjoint else g
