"""Where a node stands in the user's file: its line, and the name it was given there."""

from __future__ import annotations

import ast
from collections.abc import Sequence

from backproof.truth.graph import Node
from backproof.truth.trace import Trace


class Places:
    """Names and lines of one traced graph's nodes."""

    def __init__(self, source: str, order: Sequence[Node], trace: Trace) -> None:
        self.lines = source.splitlines()
        self.named: dict[Node, str] = {}
        spans = _assignments(source)
        for node, following in zip(order, [*order[1:], None], strict=True):
            span = spans.get(node.line or 0)
            if span and (following is None or spans.get(following.line or 0) != span or following.serial < node.serial):
                self.named[node] = span
        self.named |= {node: name for nodes in (trace.taps, trace.inputs) for name, node in nodes.items()}
        self.named[trace.loss] = "the loss"

    def name(self, node: Node) -> str:
        """What a person calls the node's value."""
        while node not in self.named and node.op in ("broadcast", "reshape") and node.args:
            node = node.args[0]
        return self.named.get(node) or f"the {self.operation(node)}"

    def operation(self, node: Node) -> str:
        """The node's operation, and its line."""
        word = {"matmul": "product", "take": "indexing"}.get(node.op, node.op)
        return f"{word} at line {node.line}" if node.line else word

    def at(self, line: int | None) -> str:
        """The line as it stands in the file."""
        if not line or line > len(self.lines):
            return ""
        return f"line {line}: {self.lines[line - 1].split('#')[0].strip()}"


def _assignments(source: str) -> dict[int, str]:
    """Line -> the one name that its assignment gives."""
    spans = {}
    for statement in ast.walk(ast.parse(source)):
        if isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name):
            for line in range(statement.lineno, (statement.end_lineno or statement.lineno) + 1):
                spans[line] = statement.targets[0].id
    return spans
