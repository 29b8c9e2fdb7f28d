"""The truth at a cell: certified balls and rounding bounds of loss, output and every gradient."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from backproof.graph.tracing import Trace, trace, trace_algorithm, trace_descent
from backproof.models.model import Model
from backproof.truth.balls import abs_lower, precision
from backproof.truth.confirm import Disagreement, confirm
from backproof.truth.quantities import FIRST_BITS, Quantity, all_finite, certified


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
    model: Model, arrays: Mapping[str, Any], dtype: str, algorithm: str | None = None, products: str | None = None
) -> Truth:
    """The truth at `arrays` (floating-point numbers, taken as exact), for arithmetic in `dtype`.

    With an `algorithm` (of `models.algorithms`) the bounds of loss and gradients are those of its operations; with
    `products` (of `formats.PRODUCTS`), those of products of matrices whose factors have fewer bits.

    Every gradient is confirmed along a random direction by an order-2 Taylor series through the forward
    alone; Disagreement if they exclude each other. Where NaN or Inf comes in, balls follow IEEE 754 and what
    depends on it is not finite. Raises Undecided where no precision decides the value.
    """
    arrays = {name: np.asarray(value) for name, value in arrays.items()}
    traced = trace(model, dimensions(model, arrays))
    quantities = certified(traced.roots, arrays, dtype, products)
    if all_finite(arrays):
        confirm(traced, arrays, {name: quantities[node].value for name, node in traced.gradients.items()})
    truth = Truth(
        quantities[traced.loss],
        None if traced.output is None else quantities[traced.output],
        {name: quantities[node] for name, node in traced.gradients.items()},
    )
    return truth if algorithm is None else _by_algorithm(truth, model, traced, arrays, dtype, algorithm, products)


def _by_algorithm(
    truth: Truth,
    model: Model,
    traced: Trace,
    arrays: Mapping[str, Any],
    dtype: str,
    algorithm: str,
    products: str | None,
) -> Truth:
    """The truth with the bounds of another algorithm; Disagreement if that has another value."""
    loss, gradients = trace_algorithm(model, traced.inputs, algorithm)
    quantities = certified([loss, *gradients.values()], arrays, dtype, products)
    return replace(
        truth,
        loss=_rebounded(truth.loss, quantities[loss]),
        gradients={name: _rebounded(truth.gradients[name], quantities[node]) for name, node in gradients.items()},
    )


def _rebounded(quantity: Quantity, other: Quantity) -> Quantity:
    for v, w in zip(quantity.value.flat, other.value.flat, strict=True):
        if v.is_finite() and w.is_finite() and not v.overlaps(w):
            raise Disagreement(f"the loss's gradient is {v} and the other algorithm's {w}")
    return replace(other, value=quantity.value)


def certify_descent(
    model: Model,
    arrays: Mapping[str, Any],
    dtype: str,
    learning_rate: float,
    steps: int,
    algorithm: str | None = None,
    products: str | None = None,
) -> dict[str, Quantity]:
    """The parameters after `steps` steps of gradient descent from `arrays`, with their rounding bounds.

    A fault of the gradients shows in the distance from the start, which is the scale of these quantities.
    """
    arrays = {name: np.asarray(value) for name, value in arrays.items()}
    paths = trace_descent(model, dimensions(model, arrays), learning_rate, steps, algorithm)
    quantities = certified([node for path in paths.values() for node in path], arrays, dtype, products)
    ends = {}
    for name, (start, end) in paths.items():
        with precision(FIRST_BITS):
            moved = quantities[end].value - quantities[start].value
        ends[name] = replace(quantities[end], scale=abs_lower(moved))
    return ends


def dimensions(model: Model, arrays: Mapping[str, Any]) -> dict[str, int]:
    """The checked dimensions of arrays in which parameters and data stand together."""
    params, data = ({name: arrays[name] for name in names} for names in (model.params, model.data))
    return model.check(params, data)
