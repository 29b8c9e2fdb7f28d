"""tinygrad as a backend: the forwards on `Tensor`, the gradients by `Tensor.gradient`.

On the CPU tinygrad compiles with clang. Where there is none (and DEV does not say what to use), its emulated device
PYTHON takes the place: the same kernels, interpreted; slow, and of tinygrad's own arithmetic.
"""

import os
import shutil
import subprocess
from collections.abc import Mapping
from importlib.metadata import version
from typing import Any

os.environ.setdefault("DEV", "CPU" if shutil.which(os.environ.get("CC", "clang")) else "PYTHON")

from tinygrad import Device, Tensor, dtypes

from backproof import Model

Arrays = Mapping[str, Any]

FORWARDS = {
    "univariate": lambda x, w, b: w * x + b,
    "multivariate": lambda X, w, b: w @ X + b,
    "two_layer_linear": lambda X, W1, b1, w2, b2: w2 @ (W1 @ X + b1) + b2,
    "two_layer_nonlinear": lambda X, W1, b1, w2, b2: w2 @ (W1 @ X + b1).sigmoid() + b2,
}
DTYPES = {
    "float64": dtypes.float64,
    "float32": dtypes.float32,
    "bfloat16": dtypes.bfloat16,
    "float16": dtypes.float16,
}
NAMES = {dtype: name for name, dtype in DTYPES.items()}


class TinygradBackend:
    name = "tinygrad"
    version = version("tinygrad")
    devices = ("cpu",)
    series = ("gradient",)

    @property
    def dtypes(self) -> tuple[str, ...]:
        """Those that kernels can be compiled for: clang 14 knows no arithmetic in bfloat16."""
        return tuple(name for name, dtype in DTYPES.items() if _computes(dtype))

    def settings(self) -> dict[str, str]:
        return {"device": Device.DEFAULT}

    def from_numpy(self, values: Any, dtype: str, device: str) -> Tensor:
        return Tensor(values.copy()).cast(DTYPES[dtype]).realize()

    def to_numpy(self, array: Tensor) -> tuple[Any, str]:
        return (array.float() if array.dtype == dtypes.bfloat16 else array).numpy(), NAMES[array.dtype]

    def evaluate(
        self, model: Model, series: str, params: Arrays, data: Arrays
    ) -> tuple[Tensor, Tensor, dict[str, Tensor]]:
        inputs = {name: array for name, array in data.items() if name != "y"}
        y_hat = FORWARDS[model.name](**inputs, **params)
        loss = (y_hat - data["y"]).square().mean()
        gradients = dict(zip(params, loss.gradient(*params.values()), strict=True))
        Tensor.realize(loss, y_hat, *gradients.values())
        return loss, y_hat, gradients

    def descend(
        self, model: Model, series: str, params: Arrays, data: Arrays, learning_rate: float, steps: int
    ) -> dict[str, Tensor]:
        current = dict(params)
        for _ in range(steps):
            gradients = self.evaluate(model, series, current, data)[2]
            current = {name: (p - learning_rate * gradients[name]).realize() for name, p in current.items()}
        return current


def _computes(dtype: Any) -> bool:
    err = os.dup(2)
    with open(os.devnull, "w") as nowhere:  # a compiler says at length what it cannot do
        os.dup2(nowhere.fileno(), 2)
    try:
        return (Tensor([1.0, 2.0]).cast(dtype).realize() + 1).float().tolist() == [2.0, 3.0]
    except (RuntimeError, subprocess.CalledProcessError):
        return False
    finally:
        os.dup2(err, 2)
        os.close(err)
