"""CuPy: the models' own `loss` and `gradients`, on a GPU."""

import os
from collections.abc import Mapping
from dataclasses import replace
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
        return super().evaluate(_in_cupy(model), series, params, data)

    def descend(
        self, model: Model, series: str, params: Arrays, data: Arrays, learning_rate: float, steps: int
    ) -> dict[str, Any]:
        ends = super().descend(_in_cupy(model), series, params, data, learning_rate, steps)
        cupy.cuda.Device().synchronize()
        return ends


def _in_cupy(model: Model) -> Model:
    """The same model, its functions on CuPy's namespace instead of NumPy's."""

    def loss(xp: Any, **arrays: Any) -> Any:
        return model.loss(cupy, **arrays)

    def gradients(**arrays: Any) -> dict[str, Any]:
        return model.gradients_in(cupy, arrays)

    return replace(model, loss=loss, gradients=gradients)
