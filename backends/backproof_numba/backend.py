"""Numba: the hand-derived equations in compiled loops that pass over the data once."""

from collections.abc import Mapping
from typing import Any

import numba
import numpy as np

from backproof.hosting.series import Series
from backproof.models.model import Model
from backproof_numba.on_tiles import FUSED
from backproof_numba.steps import steps as compiled_steps
from backproof_numba.streaming import STREAMED
from backproof_numpy import NumpyBackend
from backproof_numpy.streaming import NumpyAlone
from backproof_numpy.tiles import SMALL, Tiles, descended

Arrays = Mapping[str, Any]


class NumbaBackend(NumpyBackend):
    """`fused`: tiles as of `numpy:tiled`, large products by BLAS, all between them in one pass over a tile; below
    `tiles.SMALL` multiplications a step, K steps in one compiled call.

    `tile` and `threads` are for tests; by default they follow from the shape and the machine.
    """

    name = "numba"
    version = numba.__version__
    dtypes: tuple[str, ...] = ("float64", "float32")
    series: tuple[str | Series, ...] = (Series("fused"),)

    def __init__(self, tile: int | None = None, threads: int | None = None) -> None:
        self.tile, self.threads = tile, threads

    def settings(self) -> dict[str, str]:
        return super().settings() | {"numpy": np.__version__}

    def evaluate(self, model: Model, series: str, params: Arrays, data: Arrays) -> tuple[Any, Any, dict[str, Any]]:
        loss, y_hat, _ = super().evaluate(model, series, params, data)
        with self._tiles(model, data) as tiles:
            return loss, y_hat, tiles.gradients(_contiguous(params))

    def descend(
        self, model: Model, series: str, params: Arrays, data: Arrays, learning_rate: float, steps: int
    ) -> dict[str, Any]:
        data, params, y = _contiguous(data), _contiguous(params), data["y"]
        if self.tile is None and sum(a.size for a in data.values()) * sum(p.size for p in params.values()) < SMALL:
            real = y.dtype.type
            given = (p.copy() if p.ndim else p[()] for p in params.values())
            ends = compiled_steps(y.dtype.name)[model.name](
                *given, *data.values(), real(y.shape[1]), real(learning_rate), steps
            )
            return {name: np.asarray(p, y.dtype) for name, p in zip(params, ends, strict=True)}
        with self._tiles(model, data) as tiles:
            return descended(tiles.gradients, params, learning_rate, steps)

    def join(self, device: str, seconds: float) -> NumpyAlone:
        return NumpyAlone(self.tile, self.threads, STREAMED)

    def _tiles(self, model: Model, data: Arrays) -> Tiles:
        return Tiles(model, _contiguous(data), self.tile, self.threads, FUSED)


def _contiguous(arrays: Arrays) -> dict[str, Any]:
    """Kernels are compiled for rows without gaps."""
    return {name: np.asarray(a, order="C") for name, a in arrays.items()}
