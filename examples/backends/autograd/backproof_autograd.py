"""HIPS autograd as a backend: the forwards on `autograd.numpy`, the gradients by `autograd.value_and_grad`."""

from collections.abc import Mapping
from importlib.metadata import version
from typing import Any

import autograd.numpy as np
from autograd import value_and_grad
from autograd.scipy.special import expit

from backproof import Model, Series

Arrays = Mapping[str, Any]

FORWARDS = {
    "univariate": lambda x, w, b: w * x + b,
    "multivariate": lambda X, w, b: w @ X + b,
    "two_layer_linear": lambda X, W1, b1, w2, b2: w2 @ (W1 @ X + b1) + b2,
    "two_layer_nonlinear": lambda X, W1, b1, w2, b2: w2 @ expit(W1 @ X + b1) + b2,
}


class AutogradBackend:
    name = "autograd"
    version = version("autograd")
    devices = ("cpu",)
    dtypes = ("float64", "float32", "float16")
    series = (Series("grad", derivations="loss"),)

    def settings(self) -> dict[str, str]:
        return {"numpy": version("numpy"), "scipy": version("scipy")}

    def from_numpy(self, values: Any, dtype: str, device: str) -> Any:
        return values.astype(dtype, copy=False)

    def to_numpy(self, array: Any) -> tuple[Any, str]:
        values = np.asarray(array)
        return values, values.dtype.name

    def evaluate(self, model: Model, series: str, params: Arrays, data: Arrays) -> tuple[Any, Any, dict[str, Any]]:
        loss, gradients = value_and_grad(lambda p: objective(model, p, data)[0])(dict(params))
        return loss, objective(model, params, data)[1], gradients

    def descend(
        self, model: Model, series: str, params: Arrays, data: Arrays, learning_rate: float, steps: int
    ) -> dict[str, Any]:
        current = dict(params)
        for _ in range(steps):
            gradients = self.evaluate(model, series, current, data)[2]
            current = {name: p - learning_rate * gradients[name] for name, p in current.items()}
        return current


def objective(model: Model, params: Arrays, data: Arrays) -> tuple[Any, Any]:
    """Loss and output: of the four models by the forwards above, of anyone's derivation by its own loss."""
    if model.name not in FORWARDS:
        tapped: dict[str, Any] = {}
        return model.loss(np, tap=tapped.setdefault, **params, **data), tapped.get("y_hat")
    inputs = {name: array for name, array in data.items() if name != "y"}
    y_hat = FORWARDS[model.name](**inputs, **params)
    return np.mean((y_hat - data["y"]) ** 2), y_hat
