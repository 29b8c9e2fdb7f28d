"""A value as a sum whose additions are still open, and the sweep over what only adds and moves values.

Chains of additions (`add`, `subtract`, `sum`, `matmul`, and what only moves values) are held together as one sum of
`count` terms whose absolute values add to `total`: its rounding is at most ((1 + u)^(count - 1) - 1) * total in *any*
order, blocking or pairing, with or without FMA (Higham, Accuracy and Stability of Numerical Algorithms, 2nd ed.,
ch. 4).

- Results (and inputs) below the smallest normal number may be flushed to zero. Factors may be multiplied in
  another order than the graph's, so what was flushed is magnified by at most `peak`, the product of the
  factors greater than 1.
- Where partial sums could leave the finite range the error is infinite, and nothing is promised; they are
  looked at undivided (`divided` is the product of the divisors), since a division may come last.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from backproof.graph.layout_ops import add_at, multiplicity
from backproof.graph.nodes import Node, terms
from backproof.rounding.formats import Floats, Format
from backproof.rounding.growth import Law


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
    divided: float
    joined: bool = False

    @property
    def factors(self) -> tuple[float, float]:
        """`peak` and `divided` as a factor of what comes next."""
        return (peak_of(self.size), 1.0) if self.joined else (self.peak, self.divided)


@dataclass
class Sums:
    """Sweep with `Sum`s. `upper` and `lower` give each node's least upper and greatest lower |value|."""

    fmt: Format
    law: Law
    upper: Callable[[Node], Floats]
    lower: Callable[[Node], Floats]

    def error(self, s: Sum) -> Floats:
        """The absolute error of a sum once it is added up."""
        n = s.count - 1
        with np.errstate(invalid="ignore", over="ignore"):
            error = s.carried + self.law(n, self.fmt.u) * s.total + n * self.fmt.tiny * s.peak
            error = np.where((s.total + error) * s.divided < self.fmt.huge, error, np.inf)
        return np.where(np.isnan(error), np.inf, error)

    def single(self, node: Node, carried: Floats, roundings: float = 0, factors: Sequence[Sum] = ()) -> Sum:
        """A rounded result: `carried` through from the operands, then `roundings` of its own.

        It is the product of `factors`, or else a number of its own that other factors may be multiplied with.
        """
        size = self.upper(node)
        peak = math.prod(f.factors[0] for f in factors) if factors else peak_of(size)
        divided = math.prod(f.factors[1] for f in factors)
        with np.errstate(invalid="ignore", over="ignore"):
            own = self.law(roundings, self.fmt.u) * (size + carried) + self.fmt.tiny * peak if roundings else 0.0
            carried = carried + own
        carried = np.where(np.isnan(carried), np.inf, carried)
        return Sum(size, carried, size + carried, 1, peak, divided)

    def input(self, node: Node) -> Sum:
        size = self.upper(node)
        return self.single(node, np.where(size < self.fmt.tiny, size, 0.0))  # may be read as zero

    def constant(self, node: Node) -> Sum:
        size = self.upper(node)
        return self.single(node, np.where(self.fmt.holds(size), 0.0, self.fmt.u * size))

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
        summed = replace(a, size=self.upper(node), carried=a.carried.sum(axes), total=a.total.sum(axes))
        return replace(summed, count=a.count * max(terms(node.args[0], axes), 1))  # a sum of none is the number 0

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


def peak_of(sizes: Floats) -> float:
    """The largest of `sizes` that is finite, and 1 at least."""
    return float(np.max(sizes, initial=1.0, where=np.isfinite(sizes)))
