"""The Python that the prover reads: straight lines of arithmetic on arrays. `check_body` refuses everything else.

A list of what is allowed, not of what is not: numbers, names, + - * / @ and ** with a literal exponent, .T, .size,
.shape[i], .sum() and .mean() with literal arguments, the functions of an array namespace that `tensors.py` knows,
tuples, dicts, assignments to names, one return at the end, and calls of functions that are such themselves.
"""

from __future__ import annotations

import ast
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, NoReturn

from backproof.proofs.refusals import Unread
from backproof.proofs.tensors import FUNCTIONS

OPERATORS = (ast.Add, ast.Sub, ast.Mult, ast.Div, ast.MatMult)
METHODS, PROPERTIES = ("sum", "mean"), ("T", "size")
LARGEST_POWER = 99
NAMESPACE, TAP = "xp", "tap"  # the arguments of a loss that are no arrays

PHRASES: dict[type[ast.AST], tuple[str, str]] = {  # what it is called, and the part that is shown
    ast.If: ("branches on", "test"),
    ast.IfExp: ("branches on", "test"),
    ast.Match: ("branches on", "subject"),
    ast.While: ("loops while", "test"),
    ast.For: ("loops over", "iter"),
    ast.Compare: ("compares", ""),
    ast.BoolOp: ("branches on", ""),
    ast.Try: ("catches exceptions", "-"),
    ast.TryStar: ("catches exceptions", "-"),
    ast.With: ("has a with block", "-"),
    ast.Global: ("changes a global:", ""),
    ast.Nonlocal: ("changes a variable of another function:", ""),
    ast.AugAssign: ("changes in place", "target"),
    ast.Delete: ("deletes a variable:", ""),
    ast.NamedExpr: ("assigns inside an expression:", ""),
    ast.FunctionDef: ("defines a function inside a function", "-"),
    ast.ClassDef: ("defines a class", "-"),
    ast.Import: ("imports inside a function:", ""),
    ast.ImportFrom: ("imports inside a function:", ""),
    ast.Lambda: ("has a lambda:", ""),
    ast.Starred: ("unpacks", ""),
    ast.JoinedStr: ("uses text:", ""),
    ast.Subscript: ("indexes", ""),
}


@dataclass(frozen=True)
class Kind:
    """What a global name stands for: a "function" (read too), "primitive", "namespace", "number", "dict" or "other"."""

    name: str
    value: Any = None


@dataclass
class Body:
    """One function that is being checked: `known` gives the kind of a global name, `bound` are the variables so far."""

    text: str
    definition: ast.FunctionDef
    known: Callable[[str], Kind]
    bound: set[str] = field(default_factory=set)
    callees: list[Any] = field(default_factory=list)

    def refuse(self, what: str, node: ast.AST, shown: str | None = None) -> NoReturn:
        shown = self.source(node) if shown is None else shown
        raise Unread(f"{what}{' ' if shown else ''}{shown} at line {getattr(node, 'lineno', self.definition.lineno)}")

    def source(self, node: ast.AST) -> str:
        """The code of this node, on one short line."""
        shown = " ".join((ast.get_source_segment(self.text, node) or ast.unparse(node)).split())
        return shown if len(shown) <= 48 else f"{shown[:45]}..."

    def unread(self, node: ast.AST) -> NoReturn:
        """Refuse a node that is not of the subset."""
        phrase, part = PHRASES.get(type(node), ("uses", ""))
        shown = getattr(node, part) if part not in ("", "-") else node
        self.refuse(phrase, node, "" if part == "-" else self.source(shown))


def check_body(body: Body) -> list[Any]:
    """The functions that this one calls, in order. Unread at the first thing that is not of the subset."""
    *lines, last = _statements(body.definition)
    body.bound = {each.arg for each in _arguments(body.definition.args)}
    if any(name.startswith("__") for name in body.bound):
        body.refuse("has an argument with two underscores", body.definition, "")
    for line in lines:
        match line:
            case ast.Assign(targets=[target], value=value):
                _expression(body, value)
                for name in _targets(body, target):
                    body.bound.add(name)
            case _:
                body.unread(line)
    match last:
        case ast.Return(value=ast.expr() as value):
            _expression(body, value)
        case ast.stmt() if isinstance(last, ast.Assign | ast.Return | ast.Expr | ast.Pass):
            body.refuse("does not end in a return of a value", last, "")
        case _:
            body.unread(last)
    return body.callees


def _statements(definition: ast.FunctionDef) -> list[ast.stmt]:
    """The statements after the docstring."""
    match definition.body:
        case [ast.Expr(value=ast.Constant(value=str())), *rest] if rest:
            return rest
    return definition.body


def _arguments(arguments: ast.arguments) -> list[ast.arg]:
    return [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]


def _targets(body: Body, target: ast.expr) -> Iterator[str]:
    names = target.elts if isinstance(target, ast.Tuple) else [target]
    for name in names:
        if not isinstance(name, ast.Name):
            body.refuse("assigns to", target)
        if name.id in (NAMESPACE, TAP) or name.id.startswith("__"):
            body.refuse("replaces", name)
        yield name.id


def _expression(body: Body, e: ast.expr) -> None:
    """Check an expression whose value is arrays, numbers, tuples or dicts of them."""
    match e:
        case ast.Constant(value=int() | float() as number) if not isinstance(number, bool) and math.isfinite(number):
            return
        case ast.Name(id=name):
            if name not in body.bound and body.known(name).name != "number":
                body.refuse("uses", e)
        case ast.BinOp(left=left, op=op, right=right) if isinstance(op, OPERATORS):
            _expression(body, left)
            _expression(body, right)
        case ast.BinOp(left=left, op=ast.Pow(), right=exponent):
            _expression(body, left)
            if not abs(_literal(body, exponent, (int, float), "raises to the power")) <= LARGEST_POWER:
                body.refuse("raises to the power", exponent)
        case ast.UnaryOp(op=ast.USub() | ast.UAdd(), operand=operand):
            _expression(body, operand)
        case ast.Attribute(value=of, attr=attr) if attr in PROPERTIES:
            _expression(body, of)
        case ast.Subscript(value=ast.Attribute(value=of, attr="shape"), slice=at):
            _expression(body, of)
            _literal(body, at, (int,), "indexes a shape by")
        case ast.Subscript(value=ast.Call() | ast.Name() as of, slice=at):
            _expression(body, of)
            _literal(body, at, (int,), "indexes by")
        case ast.Tuple(elts=elements):
            for element in elements:
                _expression(body, element)
        case ast.Dict(keys=keys, values=values):
            for key, value in zip(keys, values, strict=True):
                if key is not None and not (isinstance(key, ast.Constant) and isinstance(key.value, str)):
                    body.refuse("has a dict without literal keys:", e)
                _expression(body, value)
        case ast.Call():
            _call(body, e)
        case ast.Attribute():
            body.refuse("uses", e)
        case _:
            body.unread(e)


def _call(body: Body, call: ast.Call) -> None:
    """A call: of a function that is read too, of one that is known, of a method with literal arguments."""
    if any(keyword.arg is None for keyword in call.keywords) or any(isinstance(a, ast.Starred) for a in call.args):
        body.refuse("unpacks arguments in", call)
    values = [keyword.value for keyword in call.keywords]
    match call.func:
        case ast.Name(id=name) if name == TAP and name in body.bound:
            match call.args:
                case [ast.Constant(value=str()), value] if not values:
                    _expression(body, value)
                    return
        case ast.Name(id=name) if name not in body.bound:
            kind = body.known(name)
            if kind.name == "function":
                body.callees.append(kind.value)
            elif kind.name not in ("primitive", "dict") or (kind.name == "dict" and call.args):
                body.refuse("calls", call.func)
            for value in [*call.args, *values]:
                if not _is_namespace(body, value):
                    _expression(body, value)
            return
        case ast.Attribute(value=of, attr=attr) if _is_namespace(body, of) and attr in (*FUNCTIONS, "sigmoid"):
            for value in call.args:
                _expression(body, value)
            _literals(body, values)
            return
        case ast.Attribute(value=of, attr=attr) if attr in METHODS:
            _expression(body, of)
            _literals(body, [*call.args, *values])
            return
    body.refuse("calls", call.func)


def _is_namespace(body: Body, e: ast.expr) -> bool:
    """The argument `xp`, or NumPy itself."""
    if not isinstance(e, ast.Name):
        return False
    return e.id == NAMESPACE if e.id in body.bound else body.known(e.id).name == "namespace"


def _literals(body: Body, values: list[ast.expr]) -> None:
    for value in values:
        for each in value.elts if isinstance(value, ast.Tuple) else [value]:
            if not (isinstance(each, ast.Constant) and (each.value is None or isinstance(each.value, bool))):
                _literal(body, each, (int,), "takes as an argument")


def _literal(body: Body, e: ast.expr, kinds: tuple[type, ...], what: str) -> Any:
    """A number that stands in the code, with a sign or without."""
    match e:
        case ast.Constant(value=int() | float() as value) if type(value) in kinds:
            return value
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() | float() as value)) if type(value) in kinds:
            return -value
    return body.refuse(what, e)
