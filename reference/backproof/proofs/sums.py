"""A normal form for sums over indices, and with it the test that an index expression is zero.

Only identities that hold for every n, m, k >= 1 are used, so a difference that vanishes is zero for all
of them (a difference that stays is not thereby wrong: that takes a counterexample):

    products distribute over sums                  (sum_i f_i) g = sum_i f_i g
    a Kronecker delta collapses its sum            sum_i delta_ip f_i = f_p        (1 <= p <= the size)
    a constant summand is counted                  sum_i c = size * c
    a bound index may be renamed                   sum_i f_i = sum_j f_j,  sums may be interchanged
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from itertools import permutations, product
from math import factorial, prod
from typing import Any

from sympy import Add, Dummy, Expr, Integer, KroneckerDelta, Mul, Pow, Sum, Symbol, default_sort_key, sympify

from backproof.proofs.symbols import sigma

LARGEST = 2_000  # terms and orders of their indices, all in all: more take minutes

Bounds = dict[Symbol, Expr]  # bound index: its size; it runs from 1
Term = tuple[Expr, Bounds]  # a product without sums, and the indices it is summed over


class TooLarge(Exception):
    """The expression has too many terms to be decided in reasonable time."""


class Work:
    """What one normal form may still cost."""

    def __init__(self) -> None:
        self.left = LARGEST

    def spend(self, terms: int) -> None:
        """Raises TooLarge where it is too much."""
        self.left -= terms
        if self.left < 0:
            raise TooLarge(f"its normal form takes more than {LARGEST} terms")


def simplified(expression: Any, free: Mapping[Symbol, Expr] | None = None) -> Expr:
    """`expression` in normal form; 0 where the identities above show that it is zero.

    `free` gives the size that each free index ranges over: a delta is collapsed onto such an index only
    where it ranges over what the bound one does.
    """
    return _normal(sympify(expression), free or {}, 0, Work())


def _normal(expression: Expr, free: Mapping[Symbol, Expr], depth: int, work: Work) -> Expr:
    collected: dict[tuple[Expr, tuple[tuple[Symbol, Expr], ...]], Expr] = defaultdict(lambda: Integer(0))
    for factors, bounds in _terms(expression, work):
        coefficient, factors, limits = _canonical(*_collapsed(factors, bounds, free), free, depth, work)
        collected[factors, limits] += coefficient
    kept = []
    for (factors, limits), coefficient in collected.items():
        if coefficient != 0:
            summed = Sum(factors, *((i, 1, size) for i, size in limits)) if limits else factors
            kept.append(coefficient * summed)
    return Add(*kept)


def _terms(expression: Expr, work: Work) -> list[Term]:
    """The expression as a sum of products, each under its own sums over fresh indices."""
    if isinstance(expression, Add):
        return [term for part in expression.args for term in _terms(part, work)]
    if isinstance(expression, Mul):
        return _multiplied([_terms(factor, work) for factor in expression.args], work)
    if isinstance(expression, Pow) and expression.exp.is_Integer and expression.exp > 1:
        return _multiplied([_terms(expression.base, work) for _ in range(int(expression.exp))], work)
    if isinstance(expression, Sum):
        fresh, bounds = {}, {}
        for i, first, size in expression.limits:
            if first != 1:
                raise ValueError(f"the index {i} runs from {first}; all sums here run from 1")
            fresh[i] = Dummy("t", integer=True, positive=True)
            bounds[fresh[i]] = size
        return [(f, {**bounds, **inner}) for f, inner in _terms(expression.function.xreplace(fresh), work)]
    return [(expression, {})]


def _multiplied(factors: list[list[Term]], work: Work) -> list[Term]:
    work.spend(prod(map(len, factors)))
    found = []
    for choice in product(*factors):
        bounds: Bounds = {}
        for _, each in choice:
            bounds |= each
        found.append((Mul(*(f for f, _ in choice)), bounds))
    return found


def _collapsed(factors: Expr, bounds: Bounds, free: Mapping[Symbol, Expr]) -> Term:
    """Kronecker deltas on bound indices used up, and indices that no longer occur counted."""
    bounds = dict(bounds)
    pending = True
    while pending:
        pending = False
        for factor in Mul.make_args(factors):  # a delta inside a sigma is no factor
            delta, power = factor.as_base_exp()  # delta**2 = delta
            if not (isinstance(delta, KroneckerDelta) and power.is_positive):
                continue
            size = {i: bounds.get(i, free.get(i)) for i in delta.args}
            bound = next((i for i in delta.args if i in bounds and len(set(size.values())) == 1), None)
            if bound is not None:
                other = delta.args[1] if bound == delta.args[0] else delta.args[0]
                factors = (factors / factor).xreplace({bound: other})
                del bounds[bound]
                pending = True
                break
    for i in [i for i in bounds if i not in factors.free_symbols]:
        factors *= bounds.pop(i)
    return factors, bounds


def _canonical(
    factors: Expr, bounds: Bounds, free: Mapping[Symbol, Expr], depth: int, work: Work
) -> tuple[Expr, Expr, tuple[tuple[Symbol, Expr], ...]]:
    """Coefficient, product and limits, the bound indices renamed so that equal terms become identical."""
    by_size: dict[Expr, list[Symbol]] = defaultdict(list)
    for i, size in bounds.items():
        by_size[size].append(i)
    sizes = sorted(by_size, key=default_sort_key)
    names = {size: [_bound(depth, size, rank) for rank in range(len(by_size[size]))] for size in sizes}
    work.spend(prod(factorial(len(each)) for each in by_size.values()))
    candidates = []
    for orders in product(*(permutations(by_size[size]) for size in sizes)):
        renaming = {
            i: name
            for order, size in zip(orders, sizes, strict=True)
            for i, name in zip(order, names[size], strict=True)
        }
        renamed = factors.xreplace(renaming)
        inner = {call: sigma(_normal(call.args[0], free, depth + 1, work)) for call in renamed.atoms(sigma)}
        candidates.append(renamed.xreplace(inner))
    chosen = min(candidates, key=default_sort_key)
    coefficient, chosen = chosen.as_coeff_Mul()
    return coefficient, chosen, tuple((name, size) for size in sizes for name in names[size])


def _bound(depth: int, size: Expr, rank: int) -> Symbol:
    """The bound index of this rank among those of its size; `depth` tells the sums inside a sigma apart."""
    return Symbol(f"_{depth}{size}{rank}", integer=True, positive=True)
