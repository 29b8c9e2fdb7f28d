"""Faults that people make, written into the source of a right derivation, one at a time.

None of this knows how the diagnosis works: each fault says what a reader of the changed line would call it.
"""

from __future__ import annotations

import ast
import copy
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from tools.diagnosis_power.changes import Change, Found, Shapes, changes, other_axes
from tools.diagnosis_power.source import (
    Derived,
    backward_expressions,
    flowing_names,
    forward_expressions,
)


@dataclass(frozen=True)
class Injected:
    """A changed function, what was changed, and the kinds that name the mistake rightly.

    Where the change happens to multiply a gradient by a constant, to make it zero or to give it another
    form, that is its name instead, whatever stands here.
    """

    function: ast.FunctionDef
    text: str
    kinds: frozenset[str]


def injected(derived: Derived, shapes: Mapping[str, Shapes], examples: bool) -> Iterator[Injected]:
    """Every fault of every backward expression, and reductions over another axis in the forward ones. `shapes` are
    those of each function's variables."""
    for name, function in derived.functions.items():
        flowing = flowing_names(function)
        values = {n: s for n, s in shapes.get(name, {}).items() if n not in flowing}
        for number, expression in enumerate(backward_expressions(function)):
            for change, text, kinds in _changes(expression, values, examples):
                yield Injected(_applied(function, backward_expressions, number, change), f"{name}: {text}", kinds)
        for number, expression in enumerate(forward_expressions(function)):
            for at, node in enumerate(ast.walk(expression)):
                for make, text, kinds in other_axes(node):
                    changed = _applied(function, forward_expressions, number, _at(at, make))
                    yield Injected(changed, f"{name}: {text}", kinds)


def _applied(
    function: ast.FunctionDef,
    expressions: Callable[[ast.FunctionDef], Iterator[ast.expr]],
    number: int,
    change: Change,
) -> ast.FunctionDef:
    changed = copy.deepcopy(function)
    target = list(expressions(changed))[number]
    replacement = change(target)
    for node in ast.walk(changed):
        for field, value in ast.iter_fields(node):
            if value is target:
                setattr(node, field, replacement)
    return changed


def _at(number: int, make: Callable[[ast.expr], ast.expr]) -> Change:
    """Replace the `number`-th node (as ast.walk counts) of an expression."""

    def change(expression: ast.expr) -> ast.expr:
        target = list(ast.walk(expression))[number]
        assert isinstance(target, ast.expr)
        new = make(target)
        if target is expression:
            return new
        for node in ast.walk(expression):
            for field, value in ast.iter_fields(node):
                if value is target:
                    setattr(node, field, new)
                elif isinstance(value, list) and any(v is target for v in value):
                    setattr(node, field, [new if v is target else v for v in value])
        return expression

    return change


def _changes(expression: ast.expr, shapes: Shapes, examples: bool) -> Iterator[Found]:
    indices = {id(n) for s in ast.walk(expression) if isinstance(s, ast.Subscript) for n in ast.walk(s.slice)}
    for number, node in enumerate(ast.walk(expression)):
        if id(node) not in indices:
            for make, text, kinds in changes(node, shapes, examples):
                yield _at(number, make), text, kinds
