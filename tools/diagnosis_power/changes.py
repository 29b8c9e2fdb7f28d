"""What people make of one operation by mistake, and the kinds that name each mistake rightly."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Mapping

from tools.diagnosis_power.source import call_arguments, gradient_names

Shapes = Mapping[str, tuple[int, ...]]
Change = Callable[[ast.expr], ast.expr]
Found = tuple[Change, str, frozenset[str]]  # the change, what a person calls it, the kinds

DERIVATIVE = frozenset({"missing-derivative", "wrong-derivative"})
VALUE = frozenset({"wrong-operand", "stale-value", "wrong-derivative"})


def changes(node: ast.AST, shapes: Shapes, examples: bool) -> Iterator[Found]:
    """The mistakes in one node of a backward expression; in sums over examples too where it has `examples`."""
    if isinstance(node, ast.Subscript):
        yield from _of_step(node)
    elif isinstance(node, ast.BinOp):
        yield from _of_product(node)
        yield from _of_sum(node)
        yield from _of_matmul(node) if examples else ()
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        yield from _of_reduction(node, examples)
    elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
        yield from _of_name(node, shapes)


def _of_step(node: ast.Subscript) -> Iterator[Found]:
    """The value of another step of a loop."""
    value, index = ast.unparse(node.value), ast.unparse(node.slice)
    other = {"i": "i + 1", "i + 1": "i"}.get(index)
    if other:
        yield _text(f"{value}[{other}]"), f"{value}[{other}] for {value}[{index}]", frozenset({"stale-value"})


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
    yield from other_axes(node)
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


def other_axes(node: ast.AST) -> Iterator[Found]:
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
