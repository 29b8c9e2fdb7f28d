"""The reverse sweep, written on the graph itself: the adjoints are nodes too.

So one set of rules serves balls, rounding errors and every other arithmetic; and the sweep is checked
from outside by Taylor series pushed through the forward alone (`truth.series`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from backproof.truth.graph import Node, as_node, broadcast, matmul, power, reachable, reshape, total, transpose

Rule = Callable[[Node, Node], Sequence[Node]]


def _unbroadcast(g: Node, node: Node) -> Node:
    """The adjoint of a broadcast operand: `g` summed over the axes that were added or stretched."""
    shape = node.args[0].shape
    added = g.ndim - len(shape)
    axes = tuple(a for a in range(g.ndim) if a < added or shape[a - added] != g.shape[a])
    return reshape(total(g, axes), shape)


def _unsum(g: Node, node: Node) -> Node:
    x, axes = node.args[0], node.attributes["axes"]
    return broadcast(reshape(g, [1 if a in axes else s for a, s in enumerate(x.shape)]), x.shape)


def _power(g: Node, node: Node) -> Node:
    p, x = node.attributes["exponent"], node.args[0]
    return g * (p * power(x, p - 1)) if p else g * 0


# op: (adjoint of the result, the node) -> adjoint of each argument
RULES: dict[str, Rule] = {
    "add": lambda g, node: (g, g),
    "subtract": lambda g, node: (g, -g),
    "negative": lambda g, node: (-g,),
    "multiply": lambda g, node: (g * node.args[1], g * node.args[0]),
    "divide": lambda g, node: (g / node.args[1], -g * node / node.args[1]),
    "power": lambda g, node: (_power(g, node),),
    "matmul": lambda g, node: (matmul(g, node.args[1].T), matmul(node.args[0].T, g)),
    "transpose": lambda g, node: (transpose(g, _inverse(node.attributes["axes"])),),
    "reshape": lambda g, node: (reshape(g, node.args[0].shape),),
    "broadcast": lambda g, node: (_unbroadcast(g, node),),
    "sum": lambda g, node: (_unsum(g, node),),
    "exp": lambda g, node: (g * node,),
    "log": lambda g, node: (g / node.args[0],),
    "sqrt": lambda g, node: (g / (2 * node),),
    "tanh": lambda g, node: (g * (1 - node * node),),
    "sigmoid": lambda g, node: (g * node * (1 - node),),
}


def _inverse(axes: Sequence[int]) -> list[int]:
    return sorted(range(len(axes)), key=axes.__getitem__)


def adjoints(loss: Node, wrt: Sequence[Node]) -> list[Node]:
    """dloss/dx for every x in `wrt`, as nodes of x's shape (a zero constant where the loss does not depend on x)."""
    order = reachable([loss])
    active = set(wrt)  # nodes that depend on wrt
    for node in order:
        if any(arg in active for arg in node.args):
            active.add(node)
    adjoint: dict[Node, Node] = {loss: as_node(1)}
    for node in reversed(order):
        if node not in adjoint or not node.args or node not in active:
            continue
        for arg, g in zip(node.args, RULES[node.op](adjoint[node], node), strict=True):
            if arg in active:
                adjoint[arg] = adjoint[arg] + g if arg in adjoint else g
    return [adjoint[x] if x in adjoint else broadcast(0, x.shape) for x in wrt]
