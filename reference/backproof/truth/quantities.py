"""Values of a graph's nodes in certified balls, and the absolute errors that correct arithmetic may have there."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, TypeVar

import numpy as np
from flint import arb

from backproof.graph.nodes import Node
from backproof.graph.sweep import evaluate
from backproof.rounding.error_sweep import RoundingErrors
from backproof.rounding.formats import FORMATS, PRODUCTS, Floats, Format
from backproof.rounding.growth import likely, rigorous
from backproof.truth.balls import Objects, abs_lower, abs_upper, balls, finite, precision
from backproof.truth.exact import Balls, Undecided

T = TypeVar("T")

FIRST_BITS, MOST_BITS = 192, 6144  # working precision of the balls: doubled until they are tight
TIGHT_BITS = 80  # tight: the radius is this far below the value, or below the rounding bound
SLACK = 1 + 1e-6  # covers the rounding of the bounds' own float64 arithmetic, which only adds and multiplies


@dataclass(frozen=True)
class Quantity:
    """One tensor's truth (balls), and the absolute error that correct arithmetic may have, per component.

    `scale` is what a fault would be relative to, where that is not the value itself (|step| of a descent).
    """

    value: Objects
    likely: Floats
    rigorous: Floats
    scale: Floats | None = None


def certified(
    roots: Sequence[Node], arrays: Mapping[str, Any], dtype: str, products: str | None = None
) -> dict[Node, Quantity]:
    """Values and bounds of `roots`, the working precision raised until the values are tight.

    Raises Undecided where the loss has a kink at `arrays`, or one cannot be ruled out, or where finite arrays
    give no finite value at any precision tried.
    """
    given_finite, bits = all_finite(arrays), FIRST_BITS
    taken_in = None if products is None else PRODUCTS[products]
    while True:
        quantities = decided(lambda: _sweep(roots, arrays, FORMATS[dtype], taken_in), bits)
        if all(_tight(quantity, given_finite) for quantity in quantities.values()):
            return quantities
        if bits >= MOST_BITS:
            if given_finite and not all(finite(q.value).all() for q in quantities.values()):
                raise Undecided(f"the value is not finite, or cannot be told from one that is not, at {bits} bits")
            return quantities
        bits *= 2


def all_finite(arrays: Mapping[str, Any]) -> bool:
    return all(bool(np.isfinite(array).all()) for array in arrays.values())


def decided(compute: Callable[[], T], bits: int) -> T:
    """What `compute` returns in balls of `bits`, or of more where comparisons or quotients need more."""
    while True:
        try:
            with precision(bits):
                return compute()
        except (Undecided, ZeroDivisionError) as error:
            if bits >= MOST_BITS:
                raise error if isinstance(error, Undecided) else Undecided(f"{error}, at {bits} bits") from None
        bits *= 2


def _sweep(
    roots: Sequence[Node], arrays: Mapping[str, Any], fmt: Format, products: Format | None
) -> dict[Node, Quantity]:
    values = evaluate(roots, Balls({name: balls(array) for name, array in arrays.items()}))
    upper = cache(lambda node: abs_upper(values[node]))
    lower = cache(lambda node: abs_lower(values[node]))
    bounds = []
    for law in (likely, rigorous):
        arithmetic = RoundingErrors(fmt, law, upper, lower, products)
        sums = evaluate(roots, arithmetic)
        bounds.append({node: arithmetic.error(sums[node]) * SLACK for node in roots})
    return {node: Quantity(values[node], bounds[0][node], bounds[1][node]) for node in roots}


def _tight(quantity: Quantity, finite: bool) -> bool:
    """Whether every radius is far below its value or bound; of finite inputs, more bits may make any ball so."""
    slack = arb(2) ** -TIGHT_BITS
    return all(
        (not finite if not v.is_finite() else v.rad() <= slack * abs(v.mid()) or v.rad() <= slack * arb(bound))
        for v, bound in zip(quantity.value.flat, quantity.likely.flat, strict=True)
    )
