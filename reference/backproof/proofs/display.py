"""Index expressions made ready for the eye: letters for indices, products factored, differences the usual way round."""

from __future__ import annotations

from collections.abc import Sequence

from sympy import Add, Expr, Integer, Mul, Pow, Sum, factor

from backproof.proofs.notation import Formula, both
from backproof.proofs.symbols import DIMS, Shape, index

SUMMED = {DIMS["n"]: "l", DIMS["m"]: "j", DIMS["k"]: "i"}  # the letter of an index that is summed over
KEPT = {DIMS["n"]: "q", DIMS["m"]: "r", DIMS["k"]: "p"}  # and of one that is kept


def summed_indices(shape: Shape) -> list[Expr]:
    """An index that is summed over for every axis, and 1 for one of size 1."""
    return [index(SUMMED[size]) if size in SUMMED else Integer(1) for size in shape]


def kept_indices(shape: Shape) -> list[Expr]:
    """An index that is kept for every axis, and 1 for one of size 1."""
    return [index(KEPT[size]) if size in KEPT else Integer(1) for size in shape]


def numbered(indices: Sequence[Expr]) -> list[str]:
    """The letters of these indices; axes of size 1 have none."""
    return [str(i) for i in indices if i != 1]


def lettered(expression: Expr) -> Expr:
    """The same expression with letters for its bound indices and its products factored: for the eye."""
    letters = {i: index(SUMMED.get(size, "t")) for each in expression.atoms(Sum) for i, _, size in each.limits}
    if len(set(letters.values())) < len(letters):  # two sums over one dimension
        letters = {i: index(f"{name}{rank}") for rank, (i, name) in enumerate(letters.items(), 1)}
    named = expression.xreplace(letters)
    pretty = named.replace(lambda e: isinstance(e, Sum), lambda e: Sum(_factored(e.function), *e.limits))
    return pretty if pretty.has(Sum) else _factored(pretty)


def _factored(e: Expr) -> Expr:
    """The product form, with -(A - 1) turned into 1 - A and (y - y_hat)^2 into (y_hat - y)^2."""
    factored = factor(e).replace(lambda e: isinstance(e, Mul) and e.could_extract_minus_sign(), _turned_product)
    return factored.replace(
        lambda e: isinstance(e, Pow) and e.exp.is_even and _backward(e.base), lambda e: (-e.base) ** e.exp
    )


def _turned_product(e: Mul) -> Expr:
    backward = next((f for f in e.args if _backward(f)), None)
    return e if backward is None else Mul(-e / backward, -backward)


def _backward(e: Expr) -> bool:
    """Is this a difference that the equations write the other way round?"""
    return isinstance(e, Add) and any(
        t.could_extract_minus_sign() and (t.is_number or "y_hat" in str(t)) for t in e.args
    )


def equation(left: Formula, right: Expr) -> Formula:
    """left = right, the right-hand side written for the eye."""
    shown = lettered(right)
    return both(lambda n: f"{n.pick(left)} = {n.expression(shown)}")
