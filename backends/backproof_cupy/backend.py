"""CuPy: the models' own `loss` and `gradients`, on a GPU."""

import inspect
import os
from collections.abc import Mapping
from typing import Any

import cupy
import numpy as np

from backproof.models.model import Model
from backproof_numpy import NumpyBackend

Arrays = Mapping[str, Any]


class CupyBackend(NumpyBackend):
    """The equations as they stand, CuPy being their namespace."""

    name = "cupy"
    version = cupy.__version__
    devices = ("cuda",)

    def settings(self) -> dict[str, str]:
        return {"CUPY_TF32": os.environ.get("CUPY_TF32", "0")}

    def from_numpy(self, values: np.ndarray[Any, Any], dtype: str, device: str) -> Any:
        return cupy.asarray(values, dtype)

    def to_numpy(self, array: Any) -> tuple[np.ndarray[Any, Any], str]:
        values = cupy.asnumpy(array)
        return values, values.dtype.name

    def evaluate(self, model: Model, series: str, params: Arrays, data: Arrays) -> tuple[Any, Any, dict[str, Any]]:
        tapped: dict[str, Any] = {}
        loss = model.loss(cupy, tap=tapped.setdefault, **params, **data)
        return loss, tapped["y_hat"], _gradients(model, params, data)

    def descend(
        self, model: Model, series: str, params: Arrays, data: Arrays, learning_rate: float, steps: int
    ) -> dict[str, Any]:
        params = dict(params)
        for _ in range(steps):
            gradients = _gradients(model, params, data)
            params = {name: p - learning_rate * gradients[name] for name, p in params.items()}
        cupy.cuda.Device().synchronize()
        return params


def _gradients(model: Model, params: Arrays, data: Arrays) -> dict[str, Any]:
    namespace = {"xp": cupy} if "xp" in inspect.signature(model.gradients).parameters else {}
    return model.gradients(**params, **data, **namespace)
