"""Where a node stands in the user's file: its line, and the name it was given there."""

from __future__ import annotations

import ast
import itertools
from collections.abc import Sequence

from backproof.graph.nodes import Node
from backproof.graph.source_spans import Span
from backproof.graph.tracing import Trace


class Places:
    """Names and lines of one traced graph's nodes."""

    def __init__(self, source: str, order: Sequence[Node], trace: Trace) -> None:
        self.lines = source.splitlines()
        self.named: dict[Node, str] = {}
        self.inside = _inside(order)
        spans = _assignments(source)
        for node, following in zip(order, [*order[1:], None], strict=True):
            if node.span in spans and (following is None or following.span != node.span):
                self.named[node] = spans[node.span]
        self.named |= {node: name for nodes in (trace.taps, trace.inputs) for name, node in nodes.items()}
        self.named[trace.loss] = "the loss"

    def name(self, node: Node) -> str:
        """What a person calls the node's value."""
        while node not in self.named and node.op in ("broadcast", "reshape") and node.args:
            node = node.args[0]
        return self.named.get(node) or self._expression(node) or f"the {self.operation(node)}"

    def _expression(self, node: Node) -> str | None:
        if not node.span or node.span[0] != node.span[2] or node.span[0] > len(self.lines):
            return None
        line, start, _, stop = node.span
        text = self.lines[line - 1].encode()[start:stop].decode(errors="replace")
        if not 0 < len(text) <= 40:
            return None
        return f"the {node.op} inside `{text}`" if node in self.inside else f"`{text}`"

    def operation(self, node: Node) -> str:
        """The node's operation, and its line."""
        word = {"matmul": "product", "take": "indexing"}.get(node.op, node.op)
        return f"{word} at line {node.line}" if node.line else word

    def at(self, line: int | None) -> str:
        """The line as it stands in the file."""
        if not line or line > len(self.lines):
            return ""
        return f"line {line}: {self.lines[line - 1].split('#')[0].strip()}"


def _inside(order: Sequence[Node]) -> set[Node]:
    """The steps of one expression that are not its value, as the exp in a logaddexp; a loop's repeat one operation."""
    runs = (list(nodes) for _, nodes in itertools.groupby(order, key=lambda node: node.span))
    return {node for nodes in runs for node in nodes if node.op != nodes[-1].op}


def _assignments(source: str) -> dict[Span | None, str]:
    """Expression -> the name it is assigned to."""
    spans: dict[Span | None, str] = {}
    for statement in ast.walk(ast.parse(source)):
        if isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name):
            value = statement.value
            end = (value.end_lineno or value.lineno, value.end_col_offset or 0)
            spans[value.lineno, value.col_offset, *end] = statement.targets[0].id
    return spans
