"""How far a correct computation in a given precision may be from the truth.

`RoundingErrors` sweeps the traced graph (forward and reverse: the adjoints are nodes of it) with the
cell's own magnitudes. The analysis is the standard one (Higham, Accuracy and Stability of Numerical
Algorithms, 2nd ed., ch. 3): every operation is exact up to a factor 1 + d, |d| <= u, and n of them make
a factor within (1 + u)^n - 1 of 1. What is added is one open sum (`sums`). Multiplications, divisions and
functions round once or a stated number of times (`laws`); errors of their operands are carried through exactly,
products of two errors included.

Units for products of matrices may take fewer bits in (`products`, of `formats.PRODUCTS`): TF32 is the case in hand.
Every factor is then cut to that format, by chopping at worst (NVIDIA's TF32 units ignore the last 13 bits of a float32,
unless they were rounded before), which changes it by 2 u at most; and partial sums are chopped too, not rounded (Fasi,
Higham, Mikaitis and Pranesh, Numerical behavior of NVIDIA tensor cores, PeerJ Comput. Sci. 7:e330, 2021): n of them
lose at most (1 + 2 u)^n - 1. What is chopped is biased, so both laws take the whole of it.

Not covered: arithmetic without componentwise bounds (Strassen's products, emulated wide formats), functions
accurate only in absolute terms (a sigmoid made of tanh is wrong in its far tail), and other algorithms for the
same number (normal equations).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from backproof.graph.functions import Function, Reach
from backproof.graph.nodes import Node
from backproof.rounding.error_terms import Sum, Sums, peak_of
from backproof.rounding.formats import Floats, Format
from backproof.rounding.growth import ULPS, rigorous


@dataclass
class RoundingErrors(Sums):
    """The sweep over every operation; products of matrices take their factors in with the bits of `products`."""

    products: Format | None = None

    def multiply(self, node: Node, a: Sum, b: Sum) -> Sum:
        ea, eb = self.error(a), self.error(b)
        with np.errstate(invalid="ignore", over="ignore"):
            carried = ea * b.size + a.size * eb + ea * eb
        return self.single(node, carried, 0 if self._is_scaling(node) else 1, (a, b))

    def _is_scaling(self, node: Node) -> bool:
        """Whether a factor is 2, the one constant that every format multiplies by without rounding or underflow."""
        return any(np.all(arg_value(arg) == 2) for arg in node.args)

    def matmul(self, node: Node, a: Sum, b: Sum) -> Sum:
        ea, eb = self._taken_in(a), self._taken_in(b)
        inner = node.args[0].shape[-1]
        with np.errstate(invalid="ignore", over="ignore"):
            total = (a.size + ea) @ (b.size + eb)
            carried = ea @ b.size + a.size @ eb + ea @ eb
            (peak, divided), (factor, divisor) = a.factors, b.factors
            peak, divided = peak * factor, divided * divisor
            own = self.law(1, self.fmt.u) * total + inner * self.fmt.tiny * peak
            carried, total = carried + own, total + own
            if self.products is not None:
                carried = carried + rigorous(inner, 2 * self.fmt.u) * total
        return Sum(self.upper(node), carried, total, max(inner, 1), peak, divided)

    def _taken_in(self, a: Sum) -> Floats:
        """The error of a factor as the unit that multiplies takes it in; infinite where it may round to infinity."""
        error = self.error(a)
        if self.products is None:
            return error
        with np.errstate(invalid="ignore", over="ignore"):
            size = a.size + error
            cut = np.minimum(size, 2 * self.products.u * size + self.fmt.tiny)
            return np.asarray(np.where(size + cut < self.products.huge, error + cut, np.inf))

    def divide(self, node: Node, a: Sum, b: Sum) -> Sum:
        ea, eb, low = self.error(a), self.error(b), self.lower(node.args[1])
        with np.errstate(all="ignore"):
            carried = np.where(eb < low, (ea + self.upper(node) * eb) / (low - eb), np.inf)
        inverse = replace(b, peak=peak_of(1 / np.where(low > 0, low, 1.0)), divided=peak_of(b.size), joined=False)
        return self.single(node, carried, ULPS["divide"], (a, inverse))

    def power(self, node: Node, a: Sum) -> Sum:
        """The slope |p x^(p - 1)| is largest at an end of x's range; whole powers may be products and a division."""
        p, ea, low = node.attributes["exponent"], self.error(a), self.lower(node.args[0])
        if p == 0:
            return self.single(node, np.zeros(node.shape))
        with np.errstate(all="ignore"):
            nearest = np.where(ea < low, low - ea, 0.0)
            steepest = np.maximum(nearest ** (p - 1), (a.size + ea) ** (p - 1))
            carried = np.where(ea == 0, 0.0, abs(p) * ea * steepest)
        if isinstance(p, int):
            roundings = p if p > 0 else ULPS["divide"] - p
            return self.single(node, carried, roundings, p * (a,))  # of a negative p: no factors
        return self.single(node, carried, ULPS["power"])

    def function(self, node: Node, function: Function, a: Sum) -> Sum:
        x = node.args[0]
        reach = Reach(self.error(a), self.lower(x), self.upper(x), self.lower(node), self.upper(node))
        with np.errstate(all="ignore"):
            return self.single(node, function.propagated(reach), function.ulps)

    def abs(self, node: Node, a: Sum) -> Sum:
        return self.single(node, self.error(a), factors=(a,))

    def maximum(self, node: Node, a: Sum, b: Sum) -> Sum:
        return self.single(node, np.maximum(self.error(a), self.error(b)), factors=(_either(a, b),))

    def max(self, node: Node, a: Sum) -> Sum:
        return self.single(node, np.max(self.error(a), axis=node.attributes["axes"]), factors=(a,))

    def lead(self, node: Node, a: Sum) -> Sum:
        return self.single(node, 2 * np.max(self.error(a), axis=node.attributes["axes"], keepdims=True), factors=(a,))

    def peak(self, node: Node, a: Sum, lead: Sum) -> Sum:
        flips = self.lower(node.args[1]) <= self.error(lead)
        return self.single(node, np.broadcast_to(np.where(flips, 1.0, 0.0), node.shape))

    def positive(self, node: Node, a: Sum) -> Sum:
        """0 or 1, as the exact value or, where rounding may change the sign of a, possibly the other."""
        if a.count <= 2 and not a.carried.any():  # a comparison of numbers as they were given is exact
            return self.single(node, np.zeros(node.shape))
        return self.single(node, np.where(self.lower(node.args[0]) <= self.error(a), 1.0, 0.0))

    nonnegative = zero = positive

    def where(self, node: Node, c: Sum, a: Sum, b: Sum) -> Sum:
        ea, eb, swapped = self.error(a), self.error(b), a.size + b.size
        with np.errstate(invalid="ignore"):
            carried = np.where(c.carried > 0, ea + eb + swapped, np.where(c.size > 0, ea, eb))
        return self.single(node, carried, factors=(_either(a, b),))


def arg_value(node: Node) -> Any:
    """The value of a constant behind broadcasts; NaN for anything else."""
    while node.op == "broadcast":
        node = node.args[0]
    return node.attributes["value"] if node.op == "constant" else np.nan


def _either(a: Sum, b: Sum) -> Sum:
    """What may be either of two, for its factors."""
    (peak, divided), (factor, divisor) = a.factors, b.factors
    return replace(a, peak=max(peak, factor), divided=max(divided, divisor), joined=False)
