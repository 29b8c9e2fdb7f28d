"""NumPy: the hand-derived equations themselves, on the CPU."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from backproof.hosting.series import Series
from backproof.models.model import Model

Arrays = Mapping[str, Any]


class NumpyBackend:
    """The models' own `loss` and `gradients`."""

    name = "numpy"
    version = np.__version__
    devices = ("cpu",)
    dtypes: tuple[str, ...] = ("float64", "float32", "float16")
    series: tuple[str | Series, ...] = (Series("reference", derivations="gradients"),)

    def settings(self) -> dict[str, str]:
        blas = np.show_config(mode="dicts")["Build Dependencies"]["blas"]
        return {"blas": f"{blas['name']} {blas['version']}"}

    def from_numpy(self, values: np.ndarray[Any, Any], dtype: str, device: str) -> Any:
        return values.astype(dtype, copy=False)

    def to_numpy(self, array: Any) -> tuple[np.ndarray[Any, Any], str]:
        values = np.asarray(array)
        return values, values.dtype.name

    def evaluate(self, model: Model, series: str, params: Arrays, data: Arrays) -> tuple[Any, Any, dict[str, Any]]:
        tapped: dict[str, Any] = {}
        loss = model.loss(np, tap=tapped.setdefault, **params, **data)
        return loss, tapped.get("y_hat"), model.gradients(**params, **data)

    def descend(
        self, model: Model, series: str, params: Arrays, data: Arrays, learning_rate: float, steps: int
    ) -> dict[str, Any]:
        params = dict(params)
        for _ in range(steps):
            gradients = model.gradients(**params, **data)
            params = {name: p - learning_rate * gradients[name] for name, p in params.items()}
        return params
