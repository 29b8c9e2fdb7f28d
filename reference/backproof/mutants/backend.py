"""The mutants as a backend: every mutant is a series, so the very suite that judges backends judges them."""

from collections.abc import Mapping
from typing import Any

import numpy as np

import backproof
from backproof.hosting.series import Series
from backproof.models.model import Model
from backproof.mutants.catalogue import CATALOGUE
from backproof.mutants.steps import Steps

Arrays = Mapping[str, Any]


class MutantsBackend:
    """NumPy with one mistake per series, on the CPU; loss and output are right."""

    name = "mutants"
    version = backproof.__version__
    devices = ("cpu",)
    dtypes = ("float64", "float32")
    series = tuple(Series(name, models=models) for name, (_, models) in CATALOGUE.items())

    def settings(self) -> dict[str, str]:
        return {"mutants": str(sum(len(models) for _, models in CATALOGUE.values()))}

    def from_numpy(self, values: np.ndarray[Any, Any], dtype: str, device: str) -> Any:
        return values.astype(dtype, copy=False)

    def to_numpy(self, array: Any) -> tuple[np.ndarray[Any, Any], str]:
        values = np.asarray(array)
        return values, values.dtype.name

    def evaluate(self, model: Model, series: str, params: Arrays, data: Arrays) -> tuple[Any, Any, dict[str, Any]]:
        tapped: dict[str, Any] = {}
        loss = model.loss(np, tap=tapped.setdefault, **params, **data)
        change, _ = CATALOGUE[series]
        gradients = model.gradients(**params, **data) | change(Steps(model, params, data))
        return loss, tapped["y_hat"], {name: g for name, g in gradients.items() if g is not None}

    def descend(
        self, model: Model, series: str, params: Arrays, data: Arrays, learning_rate: float, steps: int
    ) -> dict[str, Any]:
        current = dict(params)
        for _ in range(steps):
            _, _, gradients = self.evaluate(model, series, current, data)
            usable = {name: g for name, g in gradients.items() if np.shape(g) == np.shape(current[name])}
            current |= {name: current[name] - learning_rate * g for name, g in usable.items()}
        return current
