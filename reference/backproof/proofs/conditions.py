"""Side conditions: what a division or a root needs, and whether sizes of at least 1 and real arrays imply it."""

from __future__ import annotations

from collections.abc import Iterable

from sympy import Add, Expr, Integer, Mul, Pow, Sum

from backproof.proofs.display import lettered
from backproof.proofs.notation import TEXT, Formula, both
from backproof.proofs.symbols import DIMS, Condition, sigma

SIZES = frozenset(DIMS.values())


def holds(condition: Condition) -> bool:
    """Is it so for all sizes of at least 1 and all real arrays? False where that is not seen."""
    e = condition.expression
    return positive(e) or (condition.kind == "divisor" and nonzero(e))


def formula(condition: Condition) -> Formula:
    """The condition as one writes it: m != 0."""
    shown = lettered(condition.expression)
    sign = (r"\ne", "!=") if condition.kind == "divisor" else (r"\gt", ">")
    return both(lambda n: f"{n.expression(shown)} {sign[n is TEXT]} 0")


def complaint(condition: Condition) -> str:
    """Why there is no proof where it does not hold."""
    shown = TEXT.expression(lettered(condition.expression))
    if condition.kind == "divisor":
        return f"divides by {shown}{condition.at}, which may be 0"
    return f"takes a root of {shown}{condition.at}, which may not be positive"


def stated(conditions: Iterable[Condition]) -> list[Formula]:
    """The conditions, each once; not that the number 2 is not 0."""
    formulas = {each.text: each for each in (formula(c) for c in conditions if not c.expression.is_number)}
    return [formulas[text] for text in sorted(formulas)]


def positive(e: Expr) -> bool:
    """Sufficient: sizes, sigma and 1 - sigma, positive numbers, and what sums, products and powers make of them."""
    if e.is_number:
        return bool(e.is_positive)
    if isinstance(e, sigma) or e in SIZES:
        return True
    if isinstance(e, Sum):  # never empty: every size is at least 1
        return positive(e.function)
    if isinstance(e, Add):
        if isinstance(1 - e, sigma):
            return True
        return all(map(nonnegative, e.args)) and any(map(positive, e.args))
    if isinstance(e, Mul):
        return all(map(positive, e.args))
    return isinstance(e, Pow) and (positive(e.base) or (_even(e.exp) and nonzero(e.base)))


def nonnegative(e: Expr) -> bool:
    """Sufficient: what is positive, even powers of what is real, and sums and products of these."""
    if positive(e) or (e.is_number and e.is_nonnegative):
        return True
    if isinstance(e, Sum):
        return nonnegative(e.function)
    if isinstance(e, Add | Mul):
        return all(map(nonnegative, e.args))
    return isinstance(e, Pow) and _even(e.exp)


def nonzero(e: Expr) -> bool:
    """Sufficient: what is positive or negative, and products and powers of these."""
    if positive(e) or positive(-e):
        return True
    if isinstance(e, Mul):
        return all(map(nonzero, e.args))
    return isinstance(e, Pow) and nonzero(e.base)


def _even(exponent: Expr) -> bool:
    """An even power of a real number, divided by where it is negative: a condition of its own."""
    return isinstance(exponent, Integer) and exponent % 2 == 0
