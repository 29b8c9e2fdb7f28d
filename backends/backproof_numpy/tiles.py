"""Loss and gradients are sums over examples: so over tiles of columns that fit the cache, and over threads.

The functions of the model files run on every tile, with the global m. Only the sigmoid network, whose temporaries
would cost a tenth of its time, has its lines written out into buffers (`sigmoid_network.py`).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from functools import cache
from itertools import pairwise
from typing import Any

import numpy as np
from threadpoolctl import ThreadpoolController

from backproof.forms import FORMS, Moments
from backproof.models.model import Model
from backproof_numpy.on_tiles import EQUATIONS
from backproof_numpy.sigmoid_network import SigmoidNetwork

Arrays = Mapping[str, Any]
Tile = Callable[[Arrays, Arrays], dict[str, Any]]  # gradients of params on a tile's data

CACHE = 2**20  # bytes: what a core's own cache holds of a tile, usual for L2
SMALL = 2**17  # multiplications in a step, below which a second thread costs more than it brings


def _finished(sums: dict[str, Any], params: Arrays) -> dict[str, Any]:
    """dZ = (w2^T dy_hat) * ... has the factor w2^T in whole rows: once on the sums, instead of on every tile."""
    if "W1" in sums:
        w2 = params["w2"]
        sums |= {"W1": w2.T * sums["W1"], "b1": w2.T * sums["b1"]}
    return {name: np.asarray(dp).reshape(np.shape(params[name])) for name, dp in sums.items()}


class Tiles:
    """The tiles of a data set, each thread's its own run of columns: the same sums in the same order every time."""

    def __init__(self, model: Model, data: Arrays, tile: int | None = None, threads: int | None = None) -> None:
        self.model, self.data, self.m = model, data, data["y"].shape[1]
        X = data.get("X", data.get("x"))
        assert X is not None
        self.n, self.dtype = X.shape[0], X.dtype
        self._tile, self._threads = tile, threads or cores()
        self._stack = ExitStack()
        self._buffered: list[SigmoidNetwork] = []

    def __enter__(self) -> Tiles:
        return self

    def __exit__(self, *exception: Any) -> None:
        self._stack.close()

    def _shared(self, work: int) -> list[tuple[int, int]]:
        """The columns of each thread; one run of all of them where there is little to do."""
        threads = self._threads if self._tile or work > SMALL else 1
        if threads > 1:
            self._stack.enter_context(_blas().limit(limits=1, user_api="blas"))
        edges: list[int] = np.linspace(0, self.m, threads + 1).astype(int).tolist()
        return list(pairwise(edges))

    def _width(self, rows: int) -> int:
        """Columns in a tile: a multiple of 64 of which `rows` values each fit the cache."""
        return self._tile or max(64, CACHE // (rows * self.dtype.itemsize) // 64 * 64)

    def gradients(self, params: Arrays) -> dict[str, Any]:
        """The gradients of `params` over the whole data."""
        k = params["W1"].shape[0] if "W1" in params else 0
        if not hasattr(self, "_runs"):
            self._runs, self._columns = self._shared(self.m * (self.n + 1) * (k + 1)), self._width(self.n + 2 * k + 4)
            if self.model.name == "two_layer_nonlinear":
                width = min(self._columns, max(b - a for a, b in self._runs))
                self._buffered = [SigmoidNetwork(self.n, k, width, self.dtype) for _ in self._runs]

        def over(run: tuple[int, int], place: int) -> dict[str, Any]:
            tile: Tile
            if self._buffered:
                tile = self._buffered[place].started(params, self.m)
            else:
                equations = EQUATIONS[self.model.name]
                tile = lambda p, data: equations(p, data, self.m)  # noqa: E731
            total: dict[str, Any] = {}
            for data in self._columns_of(run):
                part = tile(params, data)
                total = {name: total[name] + dp for name, dp in part.items()} if total else part
            return total

        parts = self._side_by_side(over)
        return _finished({name: sum(p[name] for p in parts[1:]) + parts[0][name] for name in parts[0]}, params)

    def moments(self) -> Moments:
        """The moments of the whole data."""
        self._runs, self._columns = self._shared(self.m * (self.n + 1)), self._width(self.n + 4)

        def over(run: tuple[int, int], place: int) -> Moments:
            first: Moments
            first, *rest = (FORMS["moments"].prepare(self.model, data) for data in self._columns_of(run))
            for part in rest:
                first = first + part
            return first

        first: Moments
        first, *rest = self._side_by_side(over)
        for part in rest:
            first = first + part
        return first

    def _columns_of(self, run: tuple[int, int]) -> Iterator[dict[str, Any]]:
        for start in range(*run, self._columns):
            stop = min(start + self._columns, run[1])
            yield {name: array[:, start:stop] for name, array in self.data.items()}

    def _side_by_side(self, work: Callable[[tuple[int, int], int], Any]) -> list[Any]:
        """`work` on every thread's columns: the first run in this thread, the others in threads of the pool."""
        runs = [run for run in self._runs if run[0] < run[1]]
        waiting: list[Future[Any]] = [
            _pool(self._threads).submit(_quietly, work, run, place) for place, run in enumerate(runs) if place
        ]
        return [_quietly(work, runs[0], 0), *(future.result() for future in waiting)]


def _quietly(work: Callable[..., Any], *arguments: Any) -> Any:
    with np.errstate(over="ignore", invalid="ignore"):  # exp(-z) = inf is meant where sigma(z) is 0
        return work(*arguments)


def cores() -> int:
    """The cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@cache
def _pool(threads: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(max(threads - 1, 1), "tiles")


@cache
def _blas() -> ThreadpoolController:
    return ThreadpoolController()
