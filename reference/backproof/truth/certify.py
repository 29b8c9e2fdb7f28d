"""The truth at a cell: certified balls and rounding bounds of loss, output and every gradient."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, TypeVar

import numpy as np
from flint import arb

from backproof.models.model import Model
from backproof.truth.exact import Balls, Exact, Undecided, balls, precision
from backproof.truth.formats import FORMATS, PRODUCTS, Floats, Format
from backproof.truth.graph import Node
from backproof.truth.rounding import RoundingErrors, likely, rigorous
from backproof.truth.series import Objects, along
from backproof.truth.trace import Trace, trace, trace_descent, trace_form
from backproof.truth.traversal import evaluate

T = TypeVar("T")

FIRST_BITS, MOST_BITS = 192, 6144  # working precision of the balls: doubled until they are tight
TIGHT_BITS = 80  # tight: the radius is this far below the value, or below the rounding bound
SLACK = 1 + 1e-6  # covers the rounding of the bounds' own float64 arithmetic, which only adds and multiplies


class Disagreement(RuntimeError):
    """Two certified ways to one value exclude each other: a fault of ours."""


@dataclass(frozen=True)
class Quantity:
    """One tensor's truth (balls), and the absolute error that correct arithmetic may have, per component.

    `scale` is what a fault would be relative to, where that is not the value itself (|step| of a descent).
    """

    value: Objects
    likely: Floats
    rigorous: Floats
    scale: Floats | None = None


@dataclass(frozen=True)
class Truth:
    """What a correct backend returns for one set of inputs in one precision."""

    loss: Quantity
    output: Quantity | None
    gradients: Mapping[str, Quantity]

    @property
    def named(self) -> dict[str, Quantity]:
        """Every tensor: "loss", "output" (where the loss taps a y_hat), and the gradients by their parameter's name."""
        whole = {"loss": self.loss} | ({} if self.output is None else {"output": self.output})
        return whole | dict(self.gradients)


def certify(
    model: Model, arrays: Mapping[str, Any], dtype: str, form: str | None = None, products: str | None = None
) -> Truth:
    """The truth at `arrays` (floating-point numbers, taken as exact), for arithmetic in `dtype`.

    With a `form` (`backproof.forms`) the bounds of loss and gradients are those of its operations; with `products`
    (of `formats.PRODUCTS`), those of products of matrices whose factors have fewer bits.

    Every gradient is confirmed along a random direction by an order-2 Taylor series through the forward
    alone; Disagreement if they exclude each other. Where NaN or Inf comes in, balls follow IEEE 754 and what
    depends on it is not finite. Raises Undecided where no precision decides the value.
    """
    arrays = {name: np.asarray(value) for name, value in arrays.items()}
    traced = trace(model, dimensions(model, arrays))
    quantities = certified(traced.roots, arrays, dtype, products)
    if _finite(arrays):
        confirm(traced, arrays, {name: quantities[node].value for name, node in traced.gradients.items()})
    truth = Truth(
        quantities[traced.loss],
        None if traced.output is None else quantities[traced.output],
        {name: quantities[node] for name, node in traced.gradients.items()},
    )
    return truth if form is None else _in_form(truth, model, traced, arrays, dtype, form, products)


def _in_form(
    truth: Truth,
    model: Model,
    traced: Trace,
    arrays: Mapping[str, Any],
    dtype: str,
    form: str,
    products: str | None,
) -> Truth:
    """The truth with the bounds of another form; Disagreement if that form has another value."""
    loss, gradients = trace_form(model, traced.inputs, form)
    quantities = certified([loss, *gradients.values()], arrays, dtype, products)
    return replace(
        truth,
        loss=_rebounded(truth.loss, quantities[loss]),
        gradients={name: _rebounded(truth.gradients[name], quantities[node]) for name, node in gradients.items()},
    )


def _rebounded(quantity: Quantity, other: Quantity) -> Quantity:
    for v, w in zip(quantity.value.flat, other.value.flat, strict=True):
        if v.is_finite() and w.is_finite() and not v.overlaps(w):
            raise Disagreement(f"the loss's gradient is {v} and the other form's {w}")
    return replace(other, value=quantity.value)


def certify_descent(
    model: Model,
    arrays: Mapping[str, Any],
    dtype: str,
    learning_rate: float,
    steps: int,
    form: str | None = None,
    products: str | None = None,
) -> dict[str, Quantity]:
    """The parameters after `steps` steps of gradient descent from `arrays`, with their rounding bounds.

    A fault of the gradients shows in the distance from the start, which is the scale of these quantities.
    """
    arrays = {name: np.asarray(value) for name, value in arrays.items()}
    paths = trace_descent(model, dimensions(model, arrays), learning_rate, steps, form)
    quantities = certified([node for path in paths.values() for node in path], arrays, dtype, products)
    ends = {}
    for name, (start, end) in paths.items():
        with precision(FIRST_BITS):
            moved = quantities[end].value - quantities[start].value
        ends[name] = replace(quantities[end], scale=magnitudes(moved, arb.abs_lower))
    return ends


def dimensions(model: Model, arrays: Mapping[str, Any]) -> dict[str, int]:
    """The checked dimensions of arrays in which parameters and data stand together."""
    params, data = ({name: arrays[name] for name in names} for names in (model.params, model.data))
    return model.check(params, data)


def certified(
    roots: Sequence[Node], arrays: Mapping[str, Any], dtype: str, products: str | None = None
) -> dict[Node, Quantity]:
    """Values and bounds of `roots`, the working precision raised until the values are tight.

    Raises Undecided where the loss has a kink at `arrays`, or one cannot be ruled out, or where finite arrays
    give no finite value at any precision tried.
    """
    finite, bits = _finite(arrays), FIRST_BITS
    taken_in = None if products is None else PRODUCTS[products]
    while True:
        quantities = _decided(lambda: _sweep(roots, arrays, FORMATS[dtype], taken_in), bits)
        if all(_tight(quantity, finite) for quantity in quantities.values()):
            return quantities
        if bits >= MOST_BITS:
            if finite and not all(v.is_finite() for q in quantities.values() for v in q.value.flat):
                raise Undecided(f"the value is not finite, or cannot be told from one that is not, at {bits} bits")
            return quantities
        bits *= 2


def _finite(arrays: Mapping[str, Any]) -> bool:
    return all(bool(np.isfinite(array).all()) for array in arrays.values())


def _decided(compute: Callable[[], T], bits: int) -> T:
    """What `compute` returns in balls of `bits`, or of more where comparisons or quotients need more."""
    while True:
        try:
            with precision(bits):
                return compute()
        except (Undecided, ValueError, ZeroDivisionError) as error:  # flint raises where a divisor may be zero
            if bits >= MOST_BITS:
                raise error if isinstance(error, Undecided) else Undecided(f"{error}, at {bits} bits") from None
        bits *= 2


def _sweep(
    roots: Sequence[Node], arrays: Mapping[str, Any], fmt: Format, products: Format | None
) -> dict[Node, Quantity]:
    values = evaluate(roots, Balls({name: balls(array) for name, array in arrays.items()}))
    upper = cache(lambda node: magnitudes(values[node], arb.abs_upper))
    lower = cache(lambda node: magnitudes(values[node], arb.abs_lower))
    bounds = []
    for law in (likely, rigorous):
        arithmetic = RoundingErrors(fmt, law, upper, lower, products)
        sums = evaluate(roots, arithmetic)
        bounds.append({node: arithmetic.error(sums[node]) * SLACK for node in roots})
    return {node: Quantity(values[node], bounds[0][node], bounds[1][node]) for node in roots}


def magnitudes(values: Objects, side: Callable[[arb], arb]) -> Floats:
    """A number of every ball as float64: |value| from one side (its rounding is covered by SLACK), or the middle."""
    return np.array(np.frompyfunc(lambda v: float(side(v)), 1, 1)(values), np.float64)


def _tight(quantity: Quantity, finite: bool) -> bool:
    """Whether every radius is far below its value or bound; of finite inputs, more bits may make any ball so."""
    slack = arb(2) ** -TIGHT_BITS
    return all(
        (not finite if not v.is_finite() else v.rad() <= slack * abs(v.mid()) or v.rad() <= slack * arb(bound))
        for v, bound in zip(quantity.value.flat, quantity.likely.flat, strict=True)
    )


def confirm(traced: Trace, arrays: Mapping[str, Any], gradients: Mapping[str, Objects], seed: int = 0) -> None:
    """Hold the reverse sweep to account: along a random direction of each parameter, d loss = sum of g * direction.

    No component of a direction is zero, so that every component of the gradient bears on it.
    """
    rng = np.random.default_rng(seed)
    for name, gradient in gradients.items():
        shape = traced.inputs[name].shape
        direction = balls(rng.integers(1, 9, shape) * rng.choice([-1, 1], shape) / 8)
        confirm_along(traced, arrays, {name: gradient}, {name: direction})


def confirm_along(
    traced: Trace, arrays: Mapping[str, Any], gradients: Mapping[str, Objects], direction: Mapping[str, Objects]
) -> None:
    """As `confirm`, along the given direction, an object array of balls per parameter of `gradients`."""
    with precision(MOST_BITS):
        swept = sum((g * d for name in gradients for g, d in _pairs(gradients[name], direction[name])), arb(0))

    def slope() -> arb:
        points = {
            name: along(balls(array), direction.get(name, balls(np.zeros(np.shape(array)))))
            for name, array in arrays.items()
        }
        found = evaluate([traced.loss], Exact(points))[traced.loss].item().terms[1]
        if not found.is_finite():
            raise Undecided("the Taylor series through the forward does not settle")
        return found

    found = _decided(slope, FIRST_BITS)
    if not (swept.is_finite() and found.overlaps(swept)):
        raise Disagreement(f"the reverse sweep gives {swept} along a direction where the forward gives {found}")


def _pairs(a: Objects, b: Objects) -> Any:
    return zip(a.flat, b.flat, strict=True)
