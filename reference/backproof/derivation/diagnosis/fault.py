"""A hypothesis: a fault, and the gradients it would give."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from backproof.derivation.diagnosis.sweeps import Sweeper, Tensors


@dataclass(frozen=True)
class Prediction:
    """The gradients under a fault: `base` + c `part`, where c is 1 unless the numbers say otherwise."""

    base: Tensors
    part: Tensors


@dataclass(frozen=True)
class Fault:
    """One mistake. `predict` gives its numbers; `factor_kind` names it where c is not 1 (None: no such mistake)."""

    kind: str
    text: str
    line: int | None
    predict: Callable[[Sweeper], Prediction]
    factor_kind: str | None = None
    rank: int = 0  # among faults that explain as much, the lowest is told


def whole(tensors: Tensors) -> Prediction:
    """A prediction that is not split."""
    return Prediction({name: np.zeros_like(value) for name, value in tensors.items()}, tensors)


def changed(sweeper: Sweeper, difference: Tensors) -> Prediction:
    """The truth, changed by `difference`."""
    return whole({name: value + difference[name] for name, value in sweeper.truth.items()})


def exchanged(sweeper: Sweeper, flow: Tensors, part: Tensors) -> Prediction:
    """The truth with what came by `flow` replaced by `part`."""
    return Prediction({name: value - flow[name] for name, value in sweeper.truth.items()}, part)


def fit(u: Any, base: Any, part: Any, tolerance: float) -> float | None:
    """The c for which u = base + c part within `tolerance`, or None."""
    square = float(np.vdot(part, part))
    rest = u - base
    c = float(np.vdot(part, rest)) / square if square > 0 and np.isfinite(square) else 0.0
    return c if holds(u, base, part, c, tolerance) else None


def holds(u: Any, base: Any, part: Any, c: float, tolerance: float) -> bool:
    """Whether u = base + c part within `tolerance`."""
    difference = np.abs(u - (base + c * part))
    return bool(np.all(difference <= tolerance)) and not np.isnan(difference).any()
