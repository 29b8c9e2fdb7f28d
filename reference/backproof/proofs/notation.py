"""Two ways to write one formula: LaTeX, and plain text that a terminal shows.

`Notation.expression` writes a SymPy expression as one would on paper: sums first, factors in the order
of the equations. (SymPy's own printers sort factors by the alphabet: X before dZ.)
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sympy import Add, Expr, Indexed, KroneckerDelta, Mul, Pow, Sum, sympify

from backproof.proofs.symbols import sigma

NAMES = {"W1": "W_1", "b1": "b_1", "w2": "w_2", "b2": "b_2", "y_hat": r"\hat y"}
SUBSCRIPTED = ("W1", "b1", "w2")  # entries of these need brackets: (W_1)_{pq}
FACTOR_ORDER = ("w2", "W1", "w", "d", "A", "Z", "x", "X", "b")  # d: the gradients


@dataclass(frozen=True)
class Formula:
    """One formula (or sentence with formulas), in both notations."""

    latex: str
    text: str


class Notation:
    """How the pieces are written; `math` sets a formula into a sentence."""

    def expression(self, e: Expr) -> str:
        if isinstance(e, Add):
            return self._sum_of_terms(e)
        if isinstance(e, Mul):
            return self._product(e)
        if isinstance(e, Pow) and e.exp.is_number and e.exp > 0:
            base = f"({self.expression(e.base)})" if isinstance(e.base, Pow | Sum) else self._factor(e.base)
            return base + (f"^{e.exp}" if e.exp.is_Integer else self.exponent(str(e.exp)))
        if isinstance(e, Pow):
            return self._product(e)
        if isinstance(e, Sum):
            return self.sum_over([(str(i), str(size)) for i, _, size in e.limits]) + self._factor(e.function)
        if isinstance(e, KroneckerDelta):
            return self.delta(*(str(i) for i in sorted(e.args, key=str)))
        if isinstance(e, Indexed):
            return self.entry(str(e.base), [str(i) for i in e.indices])
        if isinstance(e, sigma):
            return self.sigma(self.expression(e.args[0]))
        return self.name(str(e))

    def _sum_of_terms(self, e: Add) -> str:
        written = ""
        for term in sorted(e.args, key=_term_order):
            negative = term.could_extract_minus_sign()
            joint = (" - " if negative else " + ") if written else ("-" if negative else "")
            written += joint + self.expression(-term if negative else term)
        return written

    def _product(self, e: Expr) -> str:
        coefficient, rest = e.as_coeff_mul()
        over = [f for f in rest if not (f.is_Pow and f.exp.is_negative)]
        under = [1 / f for f in rest if f.is_Pow and f.exp.is_negative] + [f for f in [coefficient.q] if f != 1]
        parts = [self._factor(f) for f in sorted(over, key=_factor_order)]
        if under:
            parts.insert(0, self.fraction(str(coefficient.p), self.times.join(map(self._factor, map(sympify, under)))))
        elif coefficient != 1:
            parts.insert(0, str(coefficient))
        return self.times.join(parts)

    def _factor(self, e: Expr) -> str:
        return f"({self.expression(e)})" if isinstance(e, Add) else self.expression(e)

    times = " "
    ones = "1"

    def exponent(self, exponent: str) -> str:
        """Of a root."""
        raise NotImplementedError

    def sum_over(self, indices: Sequence[tuple[str, str]]) -> str:
        raise NotImplementedError

    def delta(self, i: str, j: str) -> str:
        raise NotImplementedError

    def sigma(self, argument: str) -> str:
        raise NotImplementedError

    def entry(self, name: str, indices: Sequence[str]) -> str:
        raise NotImplementedError

    def name(self, name: str) -> str:
        raise NotImplementedError

    def fraction(self, over: str, under: str) -> str:
        raise NotImplementedError

    def partial(self, over: str, under: str) -> str:
        raise NotImplementedError

    def slope(self, over: str, under: str) -> str:
        """A partial derivative inside a sentence."""
        raise NotImplementedError

    def math(self, formula: str) -> str:
        raise NotImplementedError

    def pick(self, formula: Formula) -> str:
        raise NotImplementedError


class Text(Notation):
    """sum_j as a capital sigma, entries as in code: W1[p,q]."""

    def exponent(self, exponent: str) -> str:
        return f"^({exponent})"

    def sum_over(self, indices: Sequence[tuple[str, str]]) -> str:
        return "".join(f"Σ_{i} " for i, _ in indices)

    def delta(self, i: str, j: str) -> str:
        return f"δ[{i},{j}]"

    def sigma(self, argument: str) -> str:
        return f"σ({argument})"

    def entry(self, name: str, indices: Sequence[str]) -> str:
        return f"{name}[{','.join(indices)}]" if indices else name

    def name(self, name: str) -> str:
        return name

    def fraction(self, over: str, under: str) -> str:
        return f"({over}/{under})"

    def partial(self, over: str, under: str) -> str:
        return f"∂{over}/∂{under}"

    slope = partial

    def math(self, formula: str) -> str:
        return formula

    def pick(self, formula: Formula) -> str:
        return formula.text


class Latex(Notation):
    """No backslash before punctuation, which Markdown would take away, and no brackets it could take for links."""

    ones = r"\mathbf 1"

    def exponent(self, exponent: str) -> str:
        return f"^{{{exponent}}}"

    def sum_over(self, indices: Sequence[tuple[str, str]]) -> str:
        return "".join(rf"\sum_{{{i}=1}}^{{{size}}} " for i, size in indices)

    def delta(self, i: str, j: str) -> str:
        return rf"\delta_{{{i}{j}}}"

    def sigma(self, argument: str) -> str:
        return rf"\sigma({argument})"

    def entry(self, name: str, indices: Sequence[str]) -> str:
        written = self.name(name)
        if not indices:
            return written
        return (
            f"({written})_{{{''.join(indices)}}}"
            if name.removeprefix("d") in SUBSCRIPTED
            else f"{written}_{{{''.join(indices)}}}"
        )

    def name(self, name: str) -> str:
        if name.startswith("d") and len(name) > 1:
            return f"d{NAMES.get(name[1:], name[1:])}"
        return NAMES.get(name, name)

    def fraction(self, over: str, under: str) -> str:
        return rf"\frac{{{over}}}{{{under}}}"

    def partial(self, over: str, under: str) -> str:
        return rf"\frac{{\partial {over}}}{{\partial {under}}}"

    def slope(self, over: str, under: str) -> str:
        return rf"\partial {over} / \partial {under}"

    def math(self, formula: str) -> str:
        return f"${formula}$"

    def pick(self, formula: Formula) -> str:
        return formula.latex


TEXT, LATEX = Text(), Latex()


def both(write: Callable[[Notation], str]) -> Formula:
    """A formula or sentence in both notations."""
    return Formula(write(LATEX), write(TEXT))


def _term_order(term: Expr) -> tuple[bool, bool, int, str]:
    return term.could_extract_minus_sign(), not term.is_number, -len(term.args), str(term)


def _factor_order(factor: Expr) -> tuple[int, bool, str]:
    """Numbers, deltas, then as the equations have it, a bracket after plain factors of its kind; sums last."""
    base = factor.as_base_exp()[0]
    if isinstance(base, Sum):
        return 99, False, str(factor)
    if isinstance(base, KroneckerDelta):
        return 0, False, str(factor)
    names = {str(each.base) for each in base.atoms(Indexed)} or {str(base)}
    ranks = [
        r
        for r, known in enumerate(FACTOR_ORDER)
        for name in names
        if name == known or (known == "d" and name[0] == "d")
    ]
    return min(ranks, default=50) + 1, isinstance(base, Add), str(factor)
