"""The slope of an activation where the loss has none left: (p - y) p (1 - p), where the logarithm has cancelled it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np

from backproof.derivation.diagnosis.fault import Fault, Prediction, changed
from backproof.derivation.diagnosis.places import Places
from backproof.derivation.diagnosis.sweeps import Sweeper
from backproof.graph.nodes import Node

Slope = Callable[[Any], Any]


def slopes(sweeper: Sweeper, places: Places) -> Iterator[Fault]:
    """Every value z of the loss whose gradient is multiplied by the slope of an activation at z once more."""
    for z in sweeper.order:
        if z in sweeper.adjoint and z.args and z.size > 1:
            for activation, said, slope in _activations(z.ndim):
                text = (
                    f"what reaches {places.name(z)} is right, and then multiplied by {said}, the slope of the "
                    f"{activation} of {places.name(z)}, once too often"
                )
                yield Fault("wrong-derivative", text, z.line, _multiplied(z, slope), rank=2)


def _activations(ndim: int) -> Iterator[tuple[str, str, Slope]]:
    yield "sigmoid", "p (1 - p)", lambda z: _slope_of(1 / (1 + np.exp(-z)))
    yield "tanh", "1 - p^2", lambda z: 1 - np.tanh(z) ** 2
    for axis in range(ndim):
        yield "softmax", "p (1 - p)", partial(_softmax_slope, axis)


def _slope_of(p: Any) -> Any:
    return p * (1 - p)


def _softmax_slope(axis: int, z: Any) -> Any:
    e = np.exp(z - z.max(axis=axis, keepdims=True))
    return _slope_of(e / e.sum(axis=axis, keepdims=True))


def _multiplied(z: Node, slope: Slope) -> Callable[[Sweeper], Prediction]:
    def predict(s: Sweeper) -> Prediction:
        with np.errstate(all="ignore"):
            return changed(s, s.propagate({z: s.adjoint[z] * (slope(s.values[z]) - 1)}))

    return predict
