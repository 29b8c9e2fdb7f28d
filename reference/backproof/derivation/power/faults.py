"""Faults that people make, written into the source of a right derivation, one at a time.

None of this knows how the diagnosis works: each fault says what a reader of the changed line would call it.
"""

from __future__ import annotations

import ast
import copy
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from backproof.derivation.power.source import (
    Derived,
    backward_expressions,
    call_arguments,
    flowing_names,
    forward_expressions,
    gradient_names,
)

Shapes = Mapping[str, tuple[int, ...]]

DERIVATIVE = frozenset({"missing-derivative", "wrong-derivative"})
VALUE = frozenset({"wrong-operand", "stale-value", "wrong-derivative"})


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
                for make, text, kinds in _other_axes(node):
                    changed = _applied(function, forward_expressions, number, _at(at, make))
                    yield Injected(changed, f"{name}: {text}", kinds)


Change = Callable[[ast.expr], ast.expr]
Found = tuple[Callable[[ast.expr], ast.expr], str, frozenset[str]]


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
        if isinstance(node, ast.Subscript) and ast.unparse(node.slice) == "i + 1":
            value = ast.unparse(node.value)
            yield _at(number, _text(f"{value}[i]")), f"{value}[i] for {value}[i + 1]", frozenset({"stale-value"})
        if isinstance(node, ast.Subscript) and ast.unparse(node.slice) == "i":
            value = ast.unparse(node.value)
            yield _at(number, _text(f"{value}[i + 1]")), f"{value}[i + 1] for {value}[i]", frozenset({"stale-value"})
        if id(node) in indices:
            continue
        makers: Sequence[tuple[Callable[[ast.expr], ast.expr], str, frozenset[str]]] = ()
        if isinstance(node, ast.BinOp):
            makers = [*_of_product(node), *_of_sum(node), *(_of_matmul(node) if examples else ())]
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            makers = [*_of_reduction(node, examples)]
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
            makers = [*_of_name(node, shapes)]
        for make, text, kinds in makers:
            yield _at(number, make), text, kinds


def _of_product(node: ast.BinOp) -> Iterator[Found]:
    said = ast.unparse(node)
    if isinstance(node.op, ast.Mult | ast.Div):
        kinds = frozenset({"factor"}) | DERIVATIVE
        if not gradient_names(node):
            kinds |= VALUE  # a product of values: one is put for the other
        if isinstance(node.right, ast.BinOp) and isinstance(node.right.op, ast.Add | ast.Sub):
            kinds |= {"missing-term"}  # 1 + x left out is also x left out
        if not gradient_names(node.right):
            yield _left, f"{said} without {ast.unparse(node.right)}", kinds
        if isinstance(node.op, ast.Mult) and not gradient_names(node.left) and gradient_names(node.right):
            yield _right, f"{said} without {ast.unparse(node.left)}", kinds
        if isinstance(node.op, ast.Mult) and isinstance(node.left, ast.Constant):
            yield _right, f"{said} without {ast.unparse(node.left)}", kinds


def _of_sum(node: ast.BinOp) -> Iterator[Found]:
    if not isinstance(node.op, ast.Add | ast.Sub):
        return
    said = ast.unparse(node)
    flowing = gradient_names(node.left) and gradient_names(node.right)
    regular = gradient_names(node.left) or gradient_names(node.right)  # a term of its own, as a regulariser's
    term = frozenset({"missing-term"}) if flowing or regular else VALUE | DERIVATIVE | {"missing-term"}
    yield _left, f"{said} without {ast.unparse(node.right)}", term
    if not isinstance(node.left, ast.Constant):
        yield (
            _right if isinstance(node.op, ast.Add) else _negated_right,
            f"{said}: without {ast.unparse(node.left)}",
            term,
        )
    sign = frozenset({"wrong-derivative", "factor"}) if flowing or regular else VALUE
    yield _other_sign, f"{said} with the other sign", sign


def _left(node: ast.expr) -> ast.expr:
    assert isinstance(node, ast.BinOp)
    return node.left


def _right(node: ast.expr) -> ast.expr:
    assert isinstance(node, ast.BinOp)
    return node.right


def _negated_right(node: ast.expr) -> ast.expr:
    return ast.UnaryOp(ast.USub(), _right(node))


def _other_sign(node: ast.expr) -> ast.expr:
    assert isinstance(node, ast.BinOp)
    return ast.BinOp(node.left, ast.Sub() if isinstance(node.op, ast.Add) else ast.Add(), node.right)


def _of_matmul(node: ast.BinOp) -> Iterator[Found]:
    """Examples left out of a sum over them: a product of a gradient with something transposed."""
    transposed = isinstance(node.right, ast.Attribute) and node.right.attr == "T"
    if isinstance(node.op, ast.MatMult) and gradient_names(node.left) and transposed:
        for cut in ("1:", ":-1"):

            def make(node: ast.expr, cut: str = cut) -> ast.expr:
                assert isinstance(node, ast.BinOp)
                return _parsed(f"({ast.unparse(node.left)})[:, {cut}] @ ({ast.unparse(node.right)})[{cut}]")

            yield make, f"{ast.unparse(node)} over [{cut}] only", frozenset({"missing-examples"})


def _of_reduction(node: ast.Call, examples: bool) -> Iterator[Found]:
    assert isinstance(node.func, ast.Attribute)
    said, operand = ast.unparse(node), ast.unparse(node.func.value)
    arguments = call_arguments(node)
    other = {"sum": "mean", "mean": "sum"}.get(node.func.attr)
    if other is None or not gradient_names(node.func.value):
        return
    yield from _other_axes(node)
    kinds = frozenset({"factor", "wrong-derivative"})
    yield _text(f"({operand}).{other}{arguments}"), f"{said}: {other}", kinds
    yield _text(operand), f"{said} left out", frozenset({"missing-reduction"})
    if examples and node.func.attr == "sum" and "axis=0" not in arguments:
        for cut in ("1:", ":-1"):
            yield (
                _text(f"({operand})[..., {cut}].sum{arguments}"),
                f"{said} over [{cut}] only",
                frozenset({"missing-examples"}),
            )


def _other_axes(node: ast.AST) -> Iterator[Found]:
    """A sum, mean or maximum over the other one of two axes."""
    if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
        return
    operand, arguments = ast.unparse(node.func.value), call_arguments(node)
    for a, b in (("axis=0", "axis=1"), ("axis=1", "axis=0")):
        if node.func.attr in ("sum", "mean", "max") and a in arguments:
            swapped = f"({operand}).{node.func.attr}{arguments.replace(a, b)}"
            yield _text(swapped), f"{ast.unparse(node)} over {b}", frozenset({"wrong-axis"})


def _text(source: str) -> Change:
    return lambda node: _parsed(source)


def _parsed(source: str) -> ast.expr:
    return ast.parse(source, mode="eval").body


def _of_name(node: ast.Name, shapes: Shapes) -> Iterator[Found]:
    """Another value of the same shape; values only, no gradients."""
    if gradient_names(node) or not shapes.get(node.id):
        return
    for other, shape in shapes.items():
        if other != node.id and shape == shapes[node.id] and not gradient_names(ast.Name(other)):
            yield _text(other), f"{other} for {node.id}", VALUE
