"""The truth at a cell: certified balls and rounding bounds of loss, output and every gradient."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, TypeVar

import numpy as np
from flint import arb

from backproof.models.model import Model
from backproof.truth.exact import Balls, Exact, Objects, Undecided, along, balls, precision
from backproof.truth.graph import Node, evaluate
from backproof.truth.rounding import FORMATS, Floats, Format, RoundingErrors, likely, rigorous
from backproof.truth.trace import Trace, trace

T = TypeVar("T")

FIRST_BITS, MOST_BITS = 192, 6144  # working precision of the balls: doubled until they are tight
TIGHT_BITS = 80  # tight: the radius is this far below the value, or below the rounding bound
SLACK = 1 + 1e-6  # covers the rounding of the bounds' own float64 arithmetic, which only adds and multiplies


class Disagreement(RuntimeError):
    """The reverse sweep and the Taylor series through the forward exclude each other: a fault of ours."""


@dataclass(frozen=True)
class Quantity:
    """One tensor's truth (balls), and the absolute error that correct arithmetic may have, per component."""

    value: Objects
    likely: Floats
    rigorous: Floats


@dataclass(frozen=True)
class Truth:
    """What a correct backend returns for one set of inputs in one precision."""

    loss: Quantity
    output: Quantity | None
    gradients: Mapping[str, Quantity]


def certify(model: Model, arrays: Mapping[str, Any], dtype: str) -> Truth:
    """The truth at `arrays` (floating-point numbers, taken as exact), for arithmetic in `dtype`.

    Every gradient is confirmed along a random direction by an order-2 Taylor series through the forward
    alone; Disagreement if they exclude each other.
    """
    arrays = {name: np.asarray(value) for name, value in arrays.items()}
    traced = trace(model, dimensions(model, arrays))
    quantities = certified(traced.roots, arrays, dtype)
    confirm(traced, arrays, {name: quantities[node].value for name, node in traced.gradients.items()})
    return Truth(
        quantities[traced.loss],
        None if traced.output is None else quantities[traced.output],
        {name: quantities[node] for name, node in traced.gradients.items()},
    )


def dimensions(model: Model, arrays: Mapping[str, Any]) -> dict[str, int]:
    """The checked dimensions of arrays in which parameters and data stand together."""
    params, data = ({name: arrays[name] for name in names} for names in (model.params, model.data))
    return model.check(params, data)


def certified(roots: Sequence[Node], arrays: Mapping[str, Any], dtype: str) -> dict[Node, Quantity]:
    """Values and bounds of `roots`, the working precision raised until the values are tight.

    Raises Undecided where the loss has a kink at `arrays`, or one cannot be ruled out.
    """
    bits = FIRST_BITS
    while True:
        quantities = _decided(lambda: _sweep(roots, arrays, FORMATS[dtype]), bits)
        if bits >= MOST_BITS or all(_tight(quantity) for quantity in quantities.values()):
            return quantities
        bits *= 2


def _decided(compute: Callable[[], T], bits: int) -> T:
    """What `compute` returns in balls of `bits`, or of more where comparisons need more."""
    while True:
        try:
            with precision(bits):
                return compute()
        except Undecided:
            if bits >= MOST_BITS:
                raise
        bits *= 2


def _sweep(roots: Sequence[Node], arrays: Mapping[str, Any], fmt: Format) -> dict[Node, Quantity]:
    values = evaluate(roots, Balls({name: balls(array) for name, array in arrays.items()}))
    upper = cache(lambda node: magnitudes(values[node], arb.abs_upper))
    lower = cache(lambda node: magnitudes(values[node], arb.abs_lower))
    bounds = []
    for law in (likely, rigorous):
        arithmetic = RoundingErrors(fmt, law, upper, lower)
        sums = evaluate(roots, arithmetic)
        bounds.append({node: arithmetic.error(sums[node]) * SLACK for node in roots})
    return {node: Quantity(values[node], bounds[0][node], bounds[1][node]) for node in roots}


def magnitudes(values: Objects, side: Callable[[arb], arb]) -> Floats:
    """|value| from one side, as float64 (its rounding is covered by SLACK)."""
    return np.array(np.frompyfunc(lambda v: float(side(v)), 1, 1)(values), np.float64)


def _tight(quantity: Quantity) -> bool:
    slack = arb(2) ** -TIGHT_BITS
    return all(
        v.rad() <= slack * abs(v.mid()) or v.rad() <= slack * arb(bound)
        for v, bound in zip(quantity.value.flat, quantity.likely.flat, strict=True)
    )


def confirm(traced: Trace, arrays: Mapping[str, Any], gradients: Mapping[str, Objects], seed: int = 0) -> None:
    """Hold the reverse sweep to account: along a random direction, d loss = sum of gradient * direction."""
    rng = np.random.default_rng(seed)
    direction = {name: balls(rng.integers(-8, 9, traced.inputs[name].shape) / 8) for name in gradients}
    confirm_along(traced, arrays, gradients, direction)


def confirm_along(
    traced: Trace, arrays: Mapping[str, Any], gradients: Mapping[str, Objects], direction: Mapping[str, Objects]
) -> None:
    """As `confirm`, along the given direction, an object array of balls per parameter."""
    points = {
        name: along(balls(array), direction.get(name, balls(np.zeros(np.shape(array)))))
        for name, array in arrays.items()
    }
    series = _decided(lambda: evaluate([traced.loss], Exact(points))[traced.loss].item(), FIRST_BITS)
    with precision(FIRST_BITS):
        swept = sum((g * d for name in gradients for g, d in _pairs(gradients[name], direction[name])), arb(0))
    if not series.terms[1].overlaps(swept):
        raise Disagreement(
            f"the reverse sweep gives {swept} along a direction where the forward gives {series.terms[1]}"
        )


def _pairs(a: Objects, b: Objects) -> Any:
    return zip(a.flat, b.flat, strict=True)
