"""The equations as they stand in a model's file: the lines of `forward` and `backward`, read from their source.

So what a derivation proves and prints is what ships, line by line.
"""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

from backproof.models.model import Model
from backproof.proofs.literals import LIFT, with_exact_numbers
from backproof.proofs.notation import LATEX, Formula
from backproof.proofs.tensors import Tensor, lifted


@dataclass(frozen=True)
class Line:
    """`target = expression`."""

    target: str
    expression: ast.expr
    text: str  # the expression as it is written in the file

    @property
    def names(self) -> set[str]:
        return {node.id for node in ast.walk(self.expression) if isinstance(node, ast.Name)}

    def compute(self, names: Mapping[str, Any], scope: Mapping[str, Any]) -> Any:
        """The line's value where its variables are `names`; functions are found in `scope`."""
        return _evaluated(self.expression, names, scope)

    def evaluate(self, names: Mapping[str, Any], scope: Mapping[str, Any]) -> Tensor:
        """As `compute`, of symbolic arrays and exact literals."""
        value = _evaluated(with_exact_numbers(self.expression), names, {**scope, LIFT: lifted})
        if not isinstance(value, Tensor):
            raise TypeError(f"{self.target} = {self.text} is no array")
        return value

    def formula(self, scalars: Collection[str]) -> Formula:
        """The right-hand side; `scalars` are the arrays of shape ()."""
        return Formula(_latex(self.expression, scalars), self.text)


def _evaluated(expression: ast.expr, names: Mapping[str, Any], scope: Mapping[str, Any]) -> Any:
    return eval(compile(ast.Expression(expression), "<equation>", "eval"), dict(scope), dict(names))


@dataclass(frozen=True)
class Source:
    """A model's equations: `forward` and `backward` line by line, the gradients being lines by parameter, and what
    `loss` returns."""

    forward: tuple[Line, ...]
    loss: Line
    backward: tuple[Line, ...]
    gradients: Mapping[str, Line]
    scope: Mapping[str, Any]


def read(model: Model) -> Source | None:
    """The source of the model's equations, or None where there are no `forward` and `backward` to read."""
    scope = getattr(model.gradients, "__globals__", {})
    try:
        forward, _ = _lines(scope["forward"])
        backward, gradients = _lines(scope["backward"])
        loss = _returned("loss", scope["loss"])
    except (KeyError, OSError, TypeError):
        return None
    return Source(tuple(forward), loss, tuple(backward), gradients, scope)


def _returned(target: str, function: Callable[..., Any]) -> Line:
    """What a function returns in its last statement."""
    text = textwrap.dedent(inspect.getsource(function))
    (definition,) = ast.parse(text).body
    match getattr(definition, "body", [])[-1]:
        case ast.Return(value=ast.expr() as value):
            return Line(target, value, ast.get_source_segment(text, value) or ast.unparse(value))
    raise TypeError(f"{target} does not end in a return")


def _lines(function: Callable[..., Any]) -> tuple[list[Line], dict[str, Line]]:
    """The assignments of a straight-line function, and the entries of the dict(...) it returns."""
    text = textwrap.dedent(inspect.getsource(function))

    def line(target: str, value: ast.expr) -> Line:
        return Line(target, value, ast.get_source_segment(text, value) or ast.unparse(value))

    assigned, returned = [], {}
    (definition,) = ast.parse(text).body
    for statement in getattr(definition, "body", []):
        match statement:
            case ast.Assign(targets=[ast.Name(id=target)], value=value):
                assigned.append(line(target, value))
            case ast.Return(value=ast.Call(keywords=keywords)):
                returned = {str(each.arg): line(str(each.arg), each.value) for each in keywords}
    return assigned, returned


def _latex(e: ast.expr, scalars: Collection[str]) -> str:
    """`@` is a product of matrices, `*` one entry by entry, a sum over examples the product with a column of ones."""

    def scalar(part: ast.expr) -> bool:
        return isinstance(part, ast.Constant) or (isinstance(part, ast.Name) and part.id in scalars)

    def kind(part: ast.expr) -> str:
        match part:
            case ast.BinOp(op=ast.Add() | ast.Sub()):
                return "sum"
            case ast.BinOp(op=ast.MatMult()):
                return "product"
            case ast.BinOp(left=left, op=ast.Mult(), right=right):
                return "product" if scalar(left) or scalar(right) else "entrywise"
        return "whole"

    def inside(part: ast.expr, allowed: Collection[str]) -> str:
        return write(part) if kind(part) in allowed else f"({write(part)})"

    def binary(e: ast.BinOp) -> str:
        if isinstance(e.op, ast.Div):
            return rf"\frac{{{write(e.left)}}}{{{write(e.right)}}}"
        if isinstance(e.op, ast.Pow):
            return f"{inside(e.left, ['whole'])}^{{{write(e.right)}}}"
        if kind(e) == "sum":
            sign = "+" if isinstance(e.op, ast.Add) else "-"
            return f"{write(e.left)} {sign} {inside(e.right, ['whole', 'product', 'entrywise'])}"
        allowed = ["whole", kind(e)]
        joint = " " if kind(e) == "product" else r" \odot "
        return inside(e.left, allowed) + joint + inside(e.right, allowed)

    def write(e: ast.expr) -> str:
        match e:
            case ast.Name(id=name):
                return LATEX.name(name)
            case ast.Constant(value=value):
                return str(value)
            case ast.Attribute(value=of, attr="T"):
                return f"{inside(of, ['whole'])}^T"
            case ast.UnaryOp(op=ast.USub(), operand=of):
                return f"-{inside(of, ['whole', 'product'])}"
            case ast.Call(func=ast.Attribute(value=of, attr="sum")):
                return rf"{inside(of, ['whole'])} \mathbf 1"
            case ast.Call(func=ast.Name(id="sigmoid"), args=[of, *_]):
                return LATEX.sigma(write(of))
            case ast.BinOp():
                return binary(e)
        return rf"\mathtt{{{ast.unparse(e)}}}".replace("_", r"\_")

    return write(e)
