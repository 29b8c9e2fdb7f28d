"""The tiles as what descends on data that is not in memory; NumPy has no ranks, so this process is alone."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from backproof.models.model import Model
from backproof_numpy.tiles import NUMPY, Tiles, Way, descended

Arrays = Mapping[str, Any]


class NumpyAlone:
    """One rank of one (`protocol.Ranks`): the equations on tiles computed in a `way`, a thread a core."""

    rank, ranks = 0, 1

    def __init__(self, tile: int | None = None, threads: int | None = None, way: Way = NUMPY) -> None:
        self.tile, self.threads, self.way = tile, threads, way

    def reduce(self, values: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        return values

    def evaluate(self, model: Model, params: Arrays, data: Arrays, m: int) -> tuple[Any, dict[str, Any]]:
        with Tiles(model, data, self.tile, self.threads, self.way) as tiles:
            return tiles.loss(params), tiles.gradients(params)

    def output(self, model: Model, params: Arrays, data: Arrays) -> np.ndarray[Any, Any]:
        tapped: dict[str, Any] = {}
        model.loss(np, tap=tapped.setdefault, **params, **{name: a[:, :] for name, a in data.items()})
        y_hat: np.ndarray[Any, Any] = tapped["y_hat"]
        return y_hat

    def descend(
        self, model: Model, params: Arrays, data: Arrays, m: int, learning_rate: float, steps: int
    ) -> dict[str, Any]:
        with Tiles(model, data, self.tile, self.threads, self.way) as tiles:
            return descended(tiles.gradients, params, learning_rate, steps)

    def close(self) -> None:
        pass
