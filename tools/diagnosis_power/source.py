"""A derivation's source, taken apart: which functions and statements are the backward pass."""

from __future__ import annotations

import ast
import copy
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

Functions = dict[str, ast.FunctionDef]

GRADIENT = re.compile(r"d[A-Za-z]\w*$")  # dZ, dy_hat, dvar: a variable that holds a gradient


@dataclass(frozen=True)
class Derived:
    """The functions of a file that only `gradients` needs: the hand derivation."""

    tree: ast.Module
    functions: Functions

    @classmethod
    def parse(cls, source: str) -> Derived:
        tree = ast.parse(source)
        every = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}
        hand = _reached(every, "gradients") - _reached(every, "loss")
        return cls(tree, {name: every[name] for name in every if name in hand})

    def variant(self, suffix: str, changed: ast.FunctionDef) -> str:
        """Source of the derivation with one function `changed`: every function under its name plus `suffix`."""
        renamed = {name: f"{name}{suffix}" for name in self.functions}
        lines = []
        for name, function in self.functions.items():
            node = copy.deepcopy(changed if changed.name == name else function)
            node.name = renamed[name]
            for inner in ast.walk(node):
                if isinstance(inner, ast.Name) and inner.id in renamed:
                    inner.id = renamed[inner.id]
            lines.append(ast.unparse(ast.fix_missing_locations(node)))
        return "\n\n".join(lines) + "\n"


def _reached(functions: Functions, start: str) -> set[str]:
    found, pending = set(), [start]
    while pending:
        name = pending.pop()
        if name in functions and name not in found:
            found.add(name)
            pending += [n.id for n in ast.walk(functions[name]) if isinstance(n, ast.Name)]
    return found


def call_arguments(node: ast.Call) -> str:
    """The arguments of a call, in parentheses, as source."""
    positional = [ast.unparse(argument) for argument in node.args]
    return f"({', '.join([*positional, *(f'{k.arg}={ast.unparse(k.value)}' for k in node.keywords)])})"


def names(node: ast.AST) -> set[str]:
    """The variables that an expression reads."""
    return {n.id for n in ast.walk(node) if isinstance(n, ast.Name)}


def gradient_names(node: ast.AST, aliases: Sequence[str] = ()) -> bool:
    """Whether an expression reads a variable that holds a gradient."""
    return any(GRADIENT.match(name) or name in aliases for name in names(node))


def flowing_names(function: ast.FunctionDef) -> list[str]:
    """The variables that hold gradients: dZ and the like, and what is made of them."""
    flowing: list[str] = []
    for statement in ast.walk(function):
        if isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name):
            name = statement.targets[0].id
            if GRADIENT.match(name) or gradient_names(statement.value, flowing):
                flowing.append(name)
    return flowing


def forward_expressions(function: ast.FunctionDef) -> Iterator[ast.expr]:
    """The right-hand sides that make values alone: the forward pass, run again."""
    flowing = flowing_names(function)
    for statement in ast.walk(function):
        if isinstance(statement, ast.Assign) and isinstance(target := statement.targets[0], ast.Name):
            yield from [] if target.id in flowing else [statement.value]


def backward_expressions(function: ast.FunctionDef) -> Iterator[ast.expr]:
    """The right-hand sides that make gradients: of variables such as dZ, of what is made of them, and returned."""
    flowing = flowing_names(function)
    for statement in ast.walk(function):
        if isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name):
            if statement.targets[0].id in flowing:
                yield statement.value
        elif isinstance(statement, ast.Return) and isinstance(statement.value, ast.Call):
            yield from (keyword.value for keyword in statement.value.keywords)
