"""MLX as a backend: the forwards on `mlx.core`, the gradients by `mx.value_and_grad`."""

from collections.abc import Mapping
from importlib.metadata import version
from typing import Any

import mlx.core as mx
import numpy as np

from backproof import Model, Series

Arrays = Mapping[str, Any]

FORWARDS = {
    "univariate": lambda x, w, b: w * x + b,
    "multivariate": lambda X, w, b: w @ X + b,
    "two_layer_linear": lambda X, W1, b1, w2, b2: w2 @ (W1 @ X + b1) + b2,
    "two_layer_nonlinear": lambda X, W1, b1, w2, b2: w2 @ mx.sigmoid(W1 @ X + b1) + b2,
}


class MlxBackend:
    name = "mlx"
    version = version("mlx")
    devices = ("cpu",)  # float64 is MLX's on the CPU alone
    dtypes = ("float64", "float32", "bfloat16", "float16")
    series = (Series("grad", derivations="loss"),)

    def __init__(self) -> None:
        mx.set_default_device(mx.cpu)

    def settings(self) -> dict[str, str]:
        return {"device": str(mx.default_device())}

    def from_numpy(self, values: Any, dtype: str, device: str) -> Any:
        return mx.array(values.copy(), getattr(mx, dtype))  # MLX reads no negative strides

    def to_numpy(self, array: Any) -> tuple[Any, str]:
        dtype = str(array.dtype).removeprefix("mlx.core.")
        return np.array(array.astype(mx.float32) if dtype == "bfloat16" else array), dtype

    def evaluate(self, model: Model, series: str, params: Arrays, data: Arrays) -> tuple[Any, Any, dict[str, Any]]:
        loss, gradients = mx.value_and_grad(lambda p: objective(model, p, data)[0])(dict(params))
        return loss, objective(model, params, data)[1], gradients

    def descend(
        self, model: Model, series: str, params: Arrays, data: Arrays, learning_rate: float, steps: int
    ) -> dict[str, Any]:
        current = dict(params)
        for _ in range(steps):
            gradients = self.evaluate(model, series, current, data)[2]
            current = {name: p - learning_rate * gradients[name] for name, p in current.items()}
        mx.eval(current)
        return current


def objective(model: Model, params: Arrays, data: Arrays) -> tuple[Any, Any]:
    """Loss and output: of the four models by the forwards above, of anyone's derivation by its own loss."""
    if model.name not in FORWARDS:
        tapped: dict[str, Any] = {}
        return model.loss(mx, tap=tapped.setdefault, **params, **data), tapped.get("y_hat")
    inputs = {name: array for name, array in data.items() if name != "y"}
    y_hat = FORWARDS[model.name](**inputs, **params)
    return mx.mean(mx.square(y_hat - data["y"])), y_hat
