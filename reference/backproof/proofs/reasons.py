"""The sentences between the formulas of a derivation: why each step may be taken."""

from __future__ import annotations

import ast
from collections.abc import Sequence

from backproof.proofs.notation import Formula, Notation, both
from backproof.proofs.source import Line


def error_at_output(entry: str, i: str, j: str) -> Formula:
    """Of the loss, differentiated by its output: entry j is the variable only where j = i."""

    def sentence(n: Notation) -> str:
        variable, summed = n.entry(entry, [i]), n.entry(entry, [j])
        return (
            f"Differentiate the square by the chain rule; {n.math(summed)} is the variable {n.math(variable)} "
            f"only where {n.math(f'{j} = {i}')}, which {n.math(n.delta(j, i))} says:"
        )

    return both(sentence)


def chain_rule(name: str, user: str, to: Sequence[str]) -> Formula:
    """Why the slope by `name` is a sum over the entries of `user`, the one variable that is made of it."""

    def sentence(n: Notation) -> str:
        known = f"{n.entry(f'd{user}', to)} = {n.slope('L', n.entry(user, to))}"
        return (
            f"{n.math(n.name(name))} enters the loss only through {n.math(n.name(user))}, "
            f"and {n.math(known)} is known. The chain rule sums over the entries of {n.math(n.name(user))}:"
        )

    return both(sentence)


def derivative(line: Formula) -> Formula:
    """Of a line of the forward that is a polynomial."""
    return both(lambda n: f"Differentiate the line {n.math(n.pick(line))} with every other variable held fixed:")


def sigmoid_derivative(line: Formula, argument: str, value: str, to: Sequence[str]) -> Formula:
    """Why the slope of a line through sigma is A (1 - A)."""

    def sentence(n: Notation) -> str:
        z = n.sigma("z")
        slope = z.replace("(", "'(", 1) + f" = {z} (1 - {z})"
        again = f"{n.sigma(n.entry(argument, to))} = {n.entry(value, to)}"
        return f"Differentiate the line {n.math(n.pick(line))} by {n.math(slope)}, and write {n.math(again)} again:"

    return both(sentence)


def reduction(deltas: Sequence[tuple[str, str]]) -> Formula:
    """What the Kronecker deltas of these pairs of indices leave of a sum."""

    def sentence(n: Notation) -> str:
        if not deltas:
            return "Put the derivative into the sum; no delta, so every example stays:"
        kept = " and ".join(
            f"{n.math(n.delta(a, b))} keeps only the terms with {n.math(f'{a} = {b}')}" for a, b in deltas
        )
        return f"Put the derivative into the sum; {kept}:"

    return both(sentence)


def matrix_form(line: Line, kept: Sequence[str]) -> Formula:
    """Why the sum over entries is this matrix expression."""
    return both(lambda n: _reading(n, line, kept))


def _reading(n: Notation, line: Line, kept: Sequence[str]) -> str:
    ones = f"the product with the column {n.math(n.ones)} of {n.math('m')} ones"
    match line.expression:
        case ast.BinOp(left=left, op=ast.MatMult(), right=ast.Attribute(value=right, attr="T")) if kept:
            at = n.math(f"({', '.join(kept)})" if len(kept) > 1 else kept[0])
            row = f"row {n.math(kept[0])} of" if len(kept) > 1 else "the row"
            of, at_end = _called(n, right), n.math(kept[-1])
            return (
                f"This is entry {at} of a product of matrices: {row} {_called(n, left)} times column {at_end} "
                f"of the transpose of {of}, which is row {at_end} of {of}:"
            )
        case ast.BinOp(left=ast.Attribute(attr="T"), op=ast.MatMult()):
            return "A column times a row is the matrix of all products of their entries:"
        case ast.Call(func=ast.Attribute(attr="sum")) if kept:
            return f"This is row {n.math(kept[0])} summed over the examples, which is {ones}:"
        case ast.Call(func=ast.Attribute(attr="sum")):
            return f"This is a row summed over the examples, which is {ones}:"
    if any(isinstance(node, ast.MatMult) for node in ast.walk(line.expression)):
        return (
            "A column times a row is the matrix of all products of their entries; the other factors go entry by entry:"
        )
    return "For all entries at once:"


def _called(n: Notation, e: ast.expr) -> str:
    return n.math(n.name(e.id)) if isinstance(e, ast.Name) else ast.unparse(e)
