"""The functions with their literals made exact: 1 / 3 in the code is a third, and not the float next to it."""

from __future__ import annotations

import ast
import copy
from collections.abc import Callable, Sequence
from types import FunctionType
from typing import Any

from backproof.proofs.functions import File
from backproof.proofs.tensors import lifted

LIFT = "__lifted__"  # code of the subset binds no name of two underscores


def with_exact_literals(read: Sequence[tuple[FunctionType, File]]) -> dict[Any, Callable[..., Any]]:
    """For each of these functions, which were read, one of the same code and lines on symbolic numbers."""
    scopes: dict[int, dict[str, Any]] = {}
    made = {}
    for function, file in read:
        known = function.__globals__
        if id(known) not in scopes:
            numbers = {name: lifted(known[name]) for name in file.numbers if name in known}
            scopes[id(known)] = {**known, **numbers, LIFT: lifted}
        scope = scopes[id(known)]
        definition = _Exact().visit(copy.deepcopy(file.definitions[function.__name__]))
        module = ast.fix_missing_locations(ast.Module([definition], []))
        exec(compile(module, file.path, "exec", dont_inherit=True), scope)
        made[function] = scope[function.__name__]
    return made


def with_exact_numbers(expression: ast.expr) -> ast.expr:
    """The same for one expression, to be evaluated where LIFT is `lifted`."""
    made: ast.expr = ast.fix_missing_locations(_Exact().visit(copy.deepcopy(expression)))
    return made


class _Exact(ast.NodeTransformer):
    """Numbers become arrays of shape (), but for exponents, positions, and what is handed to NumPy's functions."""

    def visit_Constant(self, node: ast.Constant) -> ast.expr:
        if type(node.value) not in (int, float):
            return node
        return ast.copy_location(ast.Call(ast.Name(LIFT, ast.Load()), [node], []), node)

    def visit_BinOp(self, node: ast.BinOp) -> ast.expr:
        node.left = self.visit(node.left)
        if not isinstance(node.op, ast.Pow):
            node.right = self.visit(node.right)
        return node

    def visit_Subscript(self, node: ast.Subscript) -> ast.expr:
        node.value = self.visit(node.value)
        return node

    def visit_Call(self, node: ast.Call) -> ast.expr:
        if isinstance(node.func, ast.Attribute):
            node.func.value = self.visit(node.func.value)
            node.args = [each if _is_number(each) else self.visit(each) for each in node.args]
            return node
        return self.generic_visit(node)  # type: ignore[return-value]

    def visit_arg(self, node: ast.arg) -> ast.arg:
        node.annotation = None
        return node


def _is_number(e: ast.expr) -> bool:
    return isinstance(e.operand if isinstance(e, ast.UnaryOp) else e, ast.Constant)
