"""How far a correct computation in a given precision may be from the truth.

`RoundingErrors` sweeps the traced graph (forward and reverse: the adjoints are nodes of it) with the
cell's own magnitudes. The analysis is the standard one (Higham, Accuracy and Stability of Numerical
Algorithms, 2nd ed., ch. 3): every operation is exact up to a factor 1 + d, |d| <= u, and n of them make
a factor within (1 + u)^n - 1 of 1.

- Chains of additions (`add`, `subtract`, `sum`, `matmul`, and what only moves values) are held together
  as one sum of `count` terms whose absolute values add to `total`: its rounding is at most
  ((1 + u)^(count - 1) - 1) * total in *any* order, blocking or pairing, with or without FMA.
- Multiplications, divisions and functions round once or a stated number of times (`ULPS`); errors of
  their operands are carried through exactly, products of two errors included.
- Results (and inputs) below the smallest normal number may be flushed to zero. Factors may be multiplied in
  another order than the graph's, so what was flushed is magnified by at most `peak`, the product of the
  factors greater than 1.
- Where partial sums could leave the finite range the error is infinite, and nothing is promised; they are
  looked at undivided (`divided` is the product of the divisors), since a division may come last.

Two laws for n roundings: *rigorous*, (1 + u)^n - 1; *likely*, min(rigorous, exp(lambda sqrt(n) u) - 1), which
independent rounding errors of mean zero exceed with a probability of 2 exp(-lambda^2 / 2) at most
(Higham and Mary, A new approach to probabilistic rounding error analysis, SIAM J. Sci. Comput. 41(5), 2019).

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

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from backproof.truth.formats import Floats, Format
from backproof.truth.graph import Node
from backproof.truth.moves import add_at, multiplicity

LAMBDA = 6.0  # a likely bound fails by chance with probability 2 exp(-18) = 3e-8 per sum

# The most units roundoff that a correct library may lose in one call: twice the worst that was seen of
# NumPy, PyTorch and JAX on CPU (tests/test_ulps.py measures it; JAX's float64 log1p loses 240 of them, every
# other log1p 3.3). A division may be a reciprocal and a product; real powers have room for GPUs.
ULPS = {"divide": 3, "exp": 8, "log": 10, "sqrt": 2, "tanh": 14, "sigmoid": 8, "log1p": 480, "expm1": 12, "power": 16}


Law = Callable[[float, float], float]  # roundings, u -> relative error


def rigorous(n: float, u: float) -> float:
    """(1 + u)^n - 1: no n roundings do worse."""
    return math.expm1(n * math.log1p(u)) if n * u < 500 else math.inf


def likely(n: float, u: float) -> float:
    """What n independent roundings stay under in practice."""
    second = n * u * u / (1 - u)
    return min(rigorous(n, u), math.expm1(min(LAMBDA * math.sqrt(n) * u + second, 700.0)))


@dataclass(frozen=True)
class Sum:
    """A value as the sum of `count` terms, `total` in absolute value, that carry the error `carried`.

    Each term is a product of factors: `peak` is the most that those greater than 1 make together, `divided`
    the product of the divisors. Terms that were `joined` by an addition have no common factors to be taken out
    of it: to what comes next, their sum is one factor.
    """

    size: Floats
    carried: Floats
    total: Floats
    count: int
    peak: float
    divided: float = 1.0
    joined: bool = False

    @property
    def factors(self) -> tuple[float, float]:
        """`peak` and `divided` as a factor of what comes next."""
        return (_peak(self.size), 1.0) if self.joined else (self.peak, self.divided)


class RoundingErrors:
    """Sweep with `Sum`s. `upper` and `lower` give each node's least upper and greatest lower |value|."""

    def __init__(
        self,
        fmt: Format,
        law: Law,
        upper: Callable[[Node], Floats],
        lower: Callable[[Node], Floats],
        products: Format | None = None,
    ) -> None:
        self.fmt, self.law, self.upper, self.lower, self.products = fmt, law, upper, lower, products

    def error(self, s: Sum) -> Floats:
        """The absolute error of a sum once it is added up."""
        n = s.count - 1
        with np.errstate(invalid="ignore", over="ignore"):
            error = s.carried + self.law(n, self.fmt.u) * s.total + n * self.fmt.tiny * s.peak
            error = np.where((s.total + error) * s.divided < self.fmt.huge, error, np.inf)
        return np.where(np.isnan(error), np.inf, error)

    def _single(self, node: Node, carried: Floats, roundings: float = 0, factors: Sequence[Sum] = ()) -> Sum:
        """A rounded result: `carried` through from the operands, then `roundings` of its own.

        It is the product of `factors`, or else a number of its own that other factors may be multiplied with.
        """
        size = self.upper(node)
        peak = math.prod(f.factors[0] for f in factors) if factors else _peak(size)
        divided = math.prod(f.factors[1] for f in factors)
        with np.errstate(invalid="ignore", over="ignore"):
            own = self.law(roundings, self.fmt.u) * (size + carried) + self.fmt.tiny * peak if roundings else 0.0
            carried = carried + own
        carried = np.where(np.isnan(carried), np.inf, carried)
        return Sum(size, carried, size + carried, 1, peak, divided)

    def input(self, node: Node) -> Sum:
        size = self.upper(node)
        return self._single(node, np.where(size < self.fmt.tiny, size, 0.0))  # may be read as zero

    def constant(self, node: Node) -> Sum:
        size = self.upper(node)
        return self._single(node, np.where(self.fmt.holds(size), 0.0, self.fmt.u * size))

    def add(self, node: Node, a: Sum, b: Sum) -> Sum:
        peak, divided = max(a.peak, b.peak), max(a.divided, b.divided)
        count = a.count + b.count
        return Sum(self.upper(node), a.carried + b.carried, a.total + b.total, count, peak, divided, joined=True)

    subtract = add

    def negative(self, node: Node, a: Sum) -> Sum:
        return a

    def _moved(self, a: Sum, move: Callable[[Floats], Floats]) -> Sum:
        return replace(a, size=move(a.size), carried=move(a.carried), total=move(a.total))

    def transpose(self, node: Node, a: Sum) -> Sum:
        return self._moved(a, lambda x: x.transpose(node.attributes["axes"]))

    def reshape(self, node: Node, a: Sum) -> Sum:
        return self._moved(a, lambda x: x.reshape(node.shape))

    def broadcast(self, node: Node, a: Sum) -> Sum:
        return self._moved(a, lambda x: np.broadcast_to(x, node.shape))

    def sum(self, node: Node, a: Sum) -> Sum:
        axes = node.attributes["axes"]
        terms = math.prod(node.args[0].shape[axis] for axis in axes)
        summed = replace(a, size=self.upper(node), carried=a.carried.sum(axes), total=a.total.sum(axes))
        return replace(summed, count=a.count * terms)

    def multiply(self, node: Node, a: Sum, b: Sum) -> Sum:
        ea, eb = self.error(a), self.error(b)
        with np.errstate(invalid="ignore", over="ignore"):
            carried = ea * b.size + a.size * eb + ea * eb
        return self._single(node, carried, 0 if self._is_scaling(node) else 1, (a, b))

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
            carried = carried + self.law(1, self.fmt.u) * total + inner * self.fmt.tiny * peak
            if self.products is not None:
                carried = carried + rigorous(inner, 2 * self.fmt.u) * total
        return Sum(self.upper(node), carried, total, inner, peak, divided)

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
        inverse = replace(b, peak=_peak(1 / np.where(low > 0, low, 1.0)), divided=_peak(b.size), joined=False)
        return self._single(node, carried, ULPS["divide"], (a, inverse))

    def power(self, node: Node, a: Sum) -> Sum:
        """The slope |p x^(p - 1)| is largest at an end of x's range; whole powers may be products and a division."""
        p, ea, low = node.attributes["exponent"], self.error(a), self.lower(node.args[0])
        if p == 0:
            return self._single(node, np.zeros(node.shape))
        with np.errstate(all="ignore"):
            nearest = np.where(ea < low, low - ea, 0.0)
            steepest = np.maximum(nearest ** (p - 1), (a.size + ea) ** (p - 1)) if p != 1 else 1.0
            carried = np.where(ea == 0, 0.0, abs(p) * ea * steepest)
        if isinstance(p, int):
            roundings = p if p > 0 else ULPS["divide"] - p
            return self._single(node, carried, roundings, p * (a,) if p > 0 else ())
        return self._single(node, carried, ULPS["power"])

    def exp(self, node: Node, a: Sum) -> Sum:
        with np.errstate(invalid="ignore", over="ignore"):
            carried = self.upper(node) * np.expm1(self.error(a))
        return self._single(node, carried, ULPS["exp"])

    def log(self, node: Node, a: Sum) -> Sum:
        ea, low = self.error(a), self.lower(node.args[0])
        with np.errstate(all="ignore"):
            carried = np.where(ea < low, ea / (low - ea), np.inf)
        return self._single(node, carried, ULPS["log"])

    def expm1(self, node: Node, a: Sum) -> Sum:
        with np.errstate(invalid="ignore", over="ignore"):
            carried = (self.upper(node) + 1) * np.expm1(self.error(a))
        return self._single(node, carried, ULPS["expm1"])

    def log1p(self, node: Node, a: Sum) -> Sum:
        """The slope is 1 / (1 + x) = exp(-y) at most exp(|y|)."""
        with np.errstate(all="ignore"):
            moved = self.error(a) * np.exp(self.upper(node))
            carried = np.where(moved < 1, -np.log1p(-moved), np.inf)
        return self._single(node, carried, ULPS["log1p"])

    def sqrt(self, node: Node, a: Sum) -> Sum:
        ea = self.error(a)
        with np.errstate(all="ignore"):
            carried = np.minimum(np.sqrt(ea), ea / self.lower(node))
            carried = np.where(ea <= self.lower(node.args[0]), carried, np.inf)  # else NaN may come of it
        return self._single(node, carried, ULPS["sqrt"])

    def tanh(self, node: Node, a: Sum) -> Sum:
        return self._flattening(node, a, 1.0, 4.0, 2.0, ULPS["tanh"])

    def sigmoid(self, node: Node, a: Sum) -> Sum:
        return self._flattening(node, a, 0.25, 1.0, 1.0, ULPS["sigmoid"])

    def _flattening(self, node: Node, a: Sum, most: float, factor: float, rate: float, ulps: float) -> Sum:
        """A function whose slope at z is at most min(most, factor * exp(-rate |z|))."""
        ea = self.error(a)
        with np.errstate(invalid="ignore", over="ignore"):
            nearest = np.maximum(self.lower(node.args[0]) - ea, 0.0)
            carried = ea * np.minimum(most, factor * np.exp(-rate * nearest))
        return self._single(node, carried, ulps)

    def abs(self, node: Node, a: Sum) -> Sum:
        return self._single(node, self.error(a), factors=(a,))

    def maximum(self, node: Node, a: Sum, b: Sum) -> Sum:
        return self._single(node, np.maximum(self.error(a), self.error(b)), factors=(_either(a, b),))

    def max(self, node: Node, a: Sum) -> Sum:
        return self._single(node, np.max(self.error(a), axis=node.attributes["axes"]), factors=(a,))

    def lead(self, node: Node, a: Sum) -> Sum:
        return self._single(node, 2 * np.max(self.error(a), axis=node.attributes["axes"], keepdims=True), factors=(a,))

    def peak(self, node: Node, a: Sum, lead: Sum) -> Sum:
        flips = self.lower(node.args[1]) <= self.error(lead)
        return self._single(node, np.broadcast_to(np.where(flips, 1.0, 0.0), node.shape))

    def positive(self, node: Node, a: Sum) -> Sum:
        """0 or 1, as the exact value or, where rounding may change the sign of a, possibly the other."""
        if a.count <= 2 and not a.carried.any():  # a comparison of numbers as they were given is exact
            return self._single(node, np.zeros(node.shape))
        return self._single(node, np.where(self.lower(node.args[0]) <= self.error(a), 1.0, 0.0))

    nonnegative = zero = positive

    def where(self, node: Node, c: Sum, a: Sum, b: Sum) -> Sum:
        ea, eb, swapped = self.error(a), self.error(b), a.size + b.size
        with np.errstate(invalid="ignore"):
            carried = np.where(c.carried > 0, ea + eb + swapped, np.where(c.size > 0, ea, eb))
        return self._single(node, carried, factors=(_either(a, b),))

    def take(self, node: Node, a: Sum) -> Sum:
        return self._moved(a, lambda x: x.reshape(-1)[node.attributes["positions"]])

    def scatter(self, node: Node, a: Sum) -> Sum:
        positions = node.attributes["positions"]
        moved = self._moved(a, lambda x: add_at(np.zeros(node.size), positions, x).reshape(node.shape))
        return replace(moved, size=self.upper(node), count=a.count * multiplicity(positions))

    def concat(self, node: Node, *parts: Sum) -> Sum:
        axis = node.attributes["axis"]
        size, carried, total = (
            np.concatenate([getattr(part, name) for part in parts], axis) for name in ("size", "carried", "total")
        )
        peak, divided = max(part.peak for part in parts), max(part.divided for part in parts)
        return Sum(size, carried, total, max(part.count for part in parts), peak, divided)


def arg_value(node: Node) -> Any:
    """The value of a constant behind broadcasts; NaN for anything else."""
    while node.op == "broadcast":
        node = node.args[0]
    return node.attributes["value"] if node.op == "constant" else np.nan


def _peak(sizes: Floats) -> float:
    """The largest of `sizes` that is finite, and 1 at least."""
    return float(np.max(sizes, initial=1.0, where=np.isfinite(sizes)))


def _either(a: Sum, b: Sum) -> Sum:
    """What may be either of two, for its factors."""
    (peak, divided), (factor, divisor) = a.factors, b.factors
    return replace(a, peak=max(peak, factor), divided=max(divided, divisor), joined=False)
