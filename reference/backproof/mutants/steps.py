"""The equations taken apart into steps, so that a mutant can replace one."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from backproof.models import sigmoid
from backproof.models.model import Model

Array = Any
Gradients = dict[str, Array]


class Steps:
    """One forward and backward pass with every intermediate as an attribute, under its name in the equations."""

    def __init__(self, model: Model, params: Mapping[str, Array], data: Mapping[str, Array]) -> None:
        self.model, self.params, self.data = model, dict(params), dict(data)
        self.y, self.m = data["y"], data["y"].shape[1]
        self.X = data.get("X", data.get("x"))
        self.two_layers, self.nonlinear = model.is_network, not model.is_linear
        if self.two_layers:
            self.Z = params["W1"] @ self.X + params["b1"]
            self.A = sigmoid(self.Z) if self.nonlinear else self.Z
            self.y_hat = params["w2"] @ self.A + params["b2"]
        else:
            self.y_hat = (params["w"] * self.X if model.has_one_feature else params["w"] @ self.X) + params["b"]
        self.dy_hat = 2 * (self.y_hat - self.y) / self.m

    def at(self, params: Mapping[str, Array] | None = None, data: Mapping[str, Array] | None = None) -> "Steps":
        """The same pass at other parameters or data."""
        return Steps(self.model, params or self.params, data or self.data)

    def columns(self, index: Any) -> "Steps":
        """The same pass over some examples only."""
        return self.at(data={name: array[:, index] for name, array in self.data.items()})

    def backward(self, dy_hat: Array = None, dZ: Array = None) -> Gradients:
        """The gradients, with `dy_hat` or `dZ` as given."""
        dy_hat = self.dy_hat if dy_hat is None else dy_hat
        if not self.two_layers:
            product = dy_hat * self.X if self.model.has_one_feature else dy_hat @ self.X.T
            return {"w": product.sum() if self.model.has_one_feature else product, "b": dy_hat.sum()}
        dZ = self.chain(dy_hat=dy_hat) if dZ is None else dZ
        return {
            "W1": dZ @ self.X.T,
            "b1": dZ.sum(axis=1, keepdims=True),
            "w2": dy_hat @ self.A.T,
            "b2": dy_hat.sum(),
        }

    def chain(self, slope: Array = None, w2: Array = None, dy_hat: Array = None) -> Array:
        """dZ = (w2^T dy_hat) * slope."""
        if slope is None:
            slope = self.A * (1 - self.A) if self.nonlinear else np.ones_like(self.Z)
        w2 = self.params["w2"] if w2 is None else w2
        return (w2.T @ (self.dy_hat if dy_hat is None else dy_hat)) * slope
