"""The reverse sweep held to account: its gradients against Taylor series through the forward alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from flint import arb

from backproof.graph.sweep import evaluate
from backproof.graph.tracing import Trace
from backproof.truth.balls import Objects, balls, precision, zeros
from backproof.truth.exact import Exact, Undecided
from backproof.truth.quantities import FIRST_BITS, MOST_BITS, decided
from backproof.truth.series import along


class Disagreement(RuntimeError):
    """Two certified ways to one value exclude each other: a fault of ours."""


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
            name: along(balls(array), direction.get(name, zeros(np.shape(array)))) for name, array in arrays.items()
        }
        loss = evaluate([traced.loss], Exact(points))[traced.loss].item()
        found = arb(0) if isinstance(loss, arb) else loss.terms[1]  # a ball where every branch taken is constant
        if not found.is_finite():
            raise Undecided("the Taylor series through the forward does not settle")
        return found

    found = decided(slope, FIRST_BITS)
    if not (swept.is_finite() and found.overlaps(swept)):
        raise Disagreement(f"the reverse sweep gives {swept} along a direction where the forward gives {found}")


def _pairs(a: Objects, b: Objects) -> Any:
    return zip(a.flat, b.flat, strict=True)
