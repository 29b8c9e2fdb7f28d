"""The symbols that everything is written in: sizes, indices, sigma, and what a division or a root asks for."""

from __future__ import annotations

from dataclasses import dataclass

from sympy import Expr, Function, Integer, Symbol

Shape = tuple[Expr, ...]

DIMS = {letter: Symbol(letter, integer=True, positive=True) for letter in "nmk"}
ONE = Integer(1)


class sigma(Function):  # type: ignore[misc]  # noqa: N801 (as SymPy names its functions)
    """An undefined function of which one thing is known: sigma' = sigma (1 - sigma)."""

    def fdiff(self, argindex: int = 1) -> Expr:
        return self * (1 - self)


def index(name: str) -> Symbol:
    """A free index; two of them may be equal or not."""
    return Symbol(name, integer=True, positive=True)


@dataclass(frozen=True)
class Condition:
    """`expression` must not be 0 (kind "divisor"), or must be positive ("root")."""

    kind: str
    expression: Expr
    at: str  # " at line 7"
