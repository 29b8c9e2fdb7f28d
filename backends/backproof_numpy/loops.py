"""NumPy's hot loops: the plain equations, the same on tiles of columns, and moments for the linear models."""

from typing import Any

from backproof.hosting.series import Series
from backproof.models.algorithms import ALGORITHMS
from backproof.models.model import Model
from backproof_numpy.backend import Arrays, NumpyBackend
from backproof_numpy.streaming import NumpyAlone
from backproof_numpy.tiles import Tiles, descended


class NumpyLoops(NumpyBackend):
    """`reference`: the plain equations. `tiled`: on tiles that fit the cache, one thread a core. `moments`: linear
    models from sums taken once; another algorithm, less accurate near an optimum, with a bound of its own.

    `tile` and `threads` are for tests; by default they follow from the shape and the machine.
    """

    series = (*NumpyBackend.series, Series("tiled"), Series("moments", algorithm="moments"))

    def __init__(self, tile: int | None = None, threads: int | None = None) -> None:
        self.tile, self.threads = tile, threads

    def evaluate(self, model: Model, series: str, params: Arrays, data: Arrays) -> tuple[Any, Any, dict[str, Any]]:
        if series == "tiled":
            with Tiles(model, data, self.tile, self.threads) as tiles:
                gradients = tiles.gradients(params)
        elif series == "moments":
            algorithm = ALGORITHMS["moments"]
            loss, gradients = algorithm.evaluate(model, algorithm.prepare(model, data), params)
            return loss, super().evaluate(model, "reference", params, data)[1], gradients
        else:
            return super().evaluate(model, series, params, data)
        return *super().evaluate(model, "reference", params, data)[:2], gradients

    def descend(
        self, model: Model, series: str, params: Arrays, data: Arrays, learning_rate: float, steps: int
    ) -> dict[str, Any]:
        if series == "tiled":
            with Tiles(model, data, self.tile, self.threads) as tiles:
                return descended(tiles.gradients, params, learning_rate, steps)
        if series == "moments":
            with Tiles(model, data, self.tile, self.threads) as tiles:
                moments = tiles.moments()
            algorithm = ALGORITHMS["moments"]
            return descended(lambda p: algorithm.evaluate(model, moments, p)[1], params, learning_rate, steps)
        return super().descend(model, series, params, data, learning_rate, steps)

    def join(self, device: str, seconds: float) -> NumpyAlone:
        """One rank of one, for data past memory."""
        return NumpyAlone(self.tile, self.threads)
