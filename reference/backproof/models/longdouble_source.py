"""A derivation whose own numbers are long doubles: in `2 / 7 * x`, Python would round 2 / 7 to float64 for good.

Only then does every rounding error of the user's functions shrink on the precision ladder, and what stays is a
mistake. Literals keep their binary value; what the module computes when it is loaded stays as the loss has it.
"""

from __future__ import annotations

import ast
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

LIFT = "__backproof_longdouble__"


class _Lift(ast.NodeTransformer):
    """Wraps the numbers that functions add, subtract, multiply or divide; indices and counts stay whole."""

    def visit_BinOp(self, node: ast.BinOp) -> ast.AST:
        self.generic_visit(node)
        if isinstance(node.op, ast.Add | ast.Sub | ast.Mult | ast.Div):
            node.left, node.right = _wrapped(node.left), _wrapped(node.right)
        return node

    def visit_Subscript(self, node: ast.Subscript) -> ast.AST:
        node.value = self.visit(node.value)
        return node

    def visit_Call(self, node: ast.Call) -> ast.AST:
        counts = isinstance(node.func, ast.Name) and node.func.id == "range"
        return node if counts else self.generic_visit(node)


def _wrapped(node: ast.expr) -> ast.expr:
    if isinstance(node, ast.Constant) and isinstance(node.value, int | float) and not isinstance(node.value, bool):
        return ast.Call(ast.Name(LIFT, ast.Load()), [node], [])
    return node


def lifted(path: str, module: ModuleType) -> ModuleType:
    """A copy of the module loaded from `path`, with the numbers in its functions lifted."""
    tree = ast.parse(Path(path).read_text(encoding="utf-8"))
    functions = [_Lift().visit(node) for node in tree.body if isinstance(node, ast.FunctionDef)]
    copy = ModuleType(module.__name__)
    names: dict[str, Any] = copy.__dict__
    names.update(module.__dict__)
    names[LIFT] = np.longdouble
    code = ast.fix_missing_locations(ast.Module(functions, []))
    exec(compile(code, path, "exec"), names)
    return copy
