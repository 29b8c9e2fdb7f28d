"""A graph as a whole: its nodes in order, as rows that can be sent and rebuilt, and swept by an arithmetic."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from backproof.graph.functions import FUNCTIONS
from backproof.graph.nodes import Node


def reachable(roots: Iterable[Node]) -> list[Node]:
    """Every node the roots are made of, arguments first."""
    found: set[Node] = set()
    pending = list(roots)
    while pending:
        node = pending.pop()
        if node not in found:
            found.add(node)
            pending.extend(node.args)
    return sorted(found, key=lambda node: node.serial)


def flatten(order: Sequence[Node]) -> list[tuple[Any, ...]]:
    """Nodes, arguments first, as plain rows that can be sent, stored and compared."""
    place = {node: i for i, node in enumerate(order)}
    return [(n.op, tuple(place[arg] for arg in n.args), n.shape, n.attributes, n.span) for n in order]


def rebuild(rows: Iterable[tuple[Any, ...]], given: Mapping[int, Node] | None = None) -> list[Node]:
    """The nodes that `flatten` made the rows of, but for those `given` by place."""
    order: list[Node] = []
    for op, places, shape, attributes, span in rows:
        if given and len(order) in given:
            order.append(given[len(order)])
            continue
        node = Node(op, tuple(order[i] for i in places), shape, **attributes)
        node.span = span
        order.append(node)
    return order


def evaluate(roots: Iterable[Node], arithmetic: Any) -> dict[Node, Any]:
    """Sweep the graph: the value of every reachable node, by `arithmetic`."""
    values: dict[Node, Any] = {}
    for node in reachable(roots):
        values[node] = apply(arithmetic, node, *(values[arg] for arg in node.args))
    return values


def apply(arithmetic: Any, node: Node, *values: Any) -> Any:
    """One operation: by `arithmetic.function` for those of FUNCTIONS, else by its method of the operation's name."""
    if node.op in FUNCTIONS:
        return arithmetic.function(node, FUNCTIONS[node.op], *values)
    return getattr(arithmetic, node.op)(node, *values)
