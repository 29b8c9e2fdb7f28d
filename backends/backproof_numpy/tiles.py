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
from typing import Any, NamedTuple, Protocol

import numpy as np
from threadpoolctl import ThreadpoolController

from backproof.models.algorithms import ALGORITHMS, Moments
from backproof.models.model import Model
from backproof_numpy.on_tiles import Equations
from backproof_numpy.sigmoid_network import SigmoidNetwork

Arrays = Mapping[str, Any]

CACHE = 3 * 2**20  # bytes: a core's own cache and its share of the common one, as far as a tile may fill them
SMALL = 2**17  # multiplications in a step, below which a second thread costs more than it brings


class Sums(Protocol):
    """What one thread sums over its columns, tile by tile; dW1 and db1 without their factor w2^T."""

    @property
    def sums(self) -> dict[str, Any]: ...
    def start(self, params: Arrays, m: int) -> None: ...
    def add(self, data: Arrays, start: int, stop: int) -> None: ...


class Way(NamedTuple):
    """How tiles are computed: the columns of one, of (model, n, k, dtype); and what sums over them, of
    (model, n, k, columns, dtype)."""

    columns: Callable[[Model, int, int, Any], int]
    sums: Callable[[Model, int, int, int, Any], Sums]


def width(rows: int, dtype: Any) -> int:
    """Columns of which `rows` values each fit the cache: an odd multiple of 16, or rows of powers of two would share
    the same few places of it."""
    fit: int = CACHE // (rows * np.dtype(dtype).itemsize)
    return max(64, fit) // 32 * 32 + 16


def _numpy(model: Model, n: int, k: int, columns: int, dtype: Any) -> Sums:
    return Equations(model.name) if model.is_linear else SigmoidNetwork(n, k, columns, dtype)


NUMPY = Way(lambda model, n, k, dtype: width(n + 2 * k + 4, dtype), _numpy)


def _finished(sums: dict[str, Any], params: Arrays) -> dict[str, Any]:
    """dZ = (w2^T dy_hat) * ... has the factor w2^T in whole rows: once on the sums, instead of on every tile."""
    if "W1" in sums:
        w2 = params["w2"]
        sums = sums | {"W1": w2.T * sums["W1"], "b1": w2.T * sums["b1"]}
    return {name: np.array(dp).reshape(np.shape(params[name])) for name, dp in sums.items()}  # sums are used again


_idle: dict[Any, list[Sums]] = {}  # of the tiles that ended last, for the next alike: fresh memory costs milliseconds


class Tiles:
    """The tiles of a data set, each thread's its own run of columns: the same sums in the same order every time."""

    def __init__(
        self, model: Model, data: Arrays, tile: int | None = None, threads: int | None = None, way: Way = NUMPY
    ) -> None:
        self.model, self.data, self.m, self.way = model, data, data["y"].shape[1], way
        X = data.get("X", data.get("x"))
        assert X is not None
        self.n, self.dtype = X.shape[0], X.dtype
        self._tile, self._threads = tile, threads or cores()
        self._stack = ExitStack()
        self._key: Any = None
        self._sums: list[Sums] = []

    def __enter__(self) -> Tiles:
        return self

    def __exit__(self, *exception: Any) -> None:
        self._stack.close()
        _idle.clear()
        _idle[self._key] = self._sums

    def _shared(self, work: int) -> list[tuple[int, int]]:
        """The columns of each thread; one run of all of them where there is little to do."""
        threads = self._threads if self._tile or work > SMALL else 1
        if threads > 1:
            self._stack.enter_context(_blas().limit(limits=1, user_api="blas"))
        edges: list[int] = np.linspace(0, self.m, threads + 1).astype(int).tolist()
        return [run for run in pairwise(edges) if run[0] < run[1]]

    def gradients(self, params: Arrays) -> dict[str, Any]:
        """The gradients of `params` over the whole data."""
        self._started(params)

        def over(run: tuple[int, int], sums: Sums) -> dict[str, Any]:
            sums.start(params, self.m)
            for start, stop in self._tiles(run):
                sums.add(self.data, start, stop)
            return sums.sums

        first, *rest = self._side_by_side(over, self._sums)
        return _finished({name: sum((p[name] for p in rest), dp) for name, dp in first.items()}, params)

    def _started(self, params: Arrays) -> None:
        if not self._sums:
            k = params["W1"].shape[0] if "W1" in params else 0
            self._runs = self._shared(self.m * (self.n + 1) * (k + 1))
            widest = max(stop - start for start, stop in self._runs)
            self._columns = min(self._tile or self.way.columns(self.model, self.n, k, self.dtype), widest)
            shape = self.model, self.n, k, self._columns, self.dtype
            self._key = self.way.sums, *shape
            idle = _idle.pop(self._key, [])
            self._sums = [idle.pop() if idle else self.way.sums(*shape) for _ in self._runs]

    def loss(self, params: Arrays) -> Any:
        """The loss of `params` over the whole data."""
        self._started(params)

        def over(run: tuple[int, int], _: None) -> Any:
            total = 0.0
            for start, stop in self._tiles(run):
                tile = {name: array[:, start:stop] for name, array in self.data.items()}
                total += float(self.model.loss(np, **params, **tile)) * (stop - start)
            return total

        return np.asarray(sum(self._side_by_side(over, [None] * len(self._runs))) / self.m)

    def moments(self) -> Moments:
        """The moments of the whole data."""
        self._runs, self._columns = self._shared(self.m * (self.n + 1)), self._tile or width(self.n + 4, self.dtype)

        def over(run: tuple[int, int], _: None) -> Moments:
            tiles = ({name: a[:, start:stop] for name, a in self.data.items()} for start, stop in self._tiles(run))
            return _total([ALGORITHMS["moments"].prepare(self.model, data) for data in tiles])

        return _total(self._side_by_side(over, [None] * len(self._runs)))

    def _tiles(self, run: tuple[int, int]) -> Iterator[tuple[int, int]]:
        for start in range(*run, self._columns):
            yield start, min(start + self._columns, run[1])

    def _side_by_side(self, work: Callable[[tuple[int, int], Any], Any], given: list[Any]) -> list[Any]:
        """`work` on every thread's columns: the first run in this thread, the others in threads of the pool."""
        waiting: list[Future[Any]] = [
            _pool(self._threads).submit(_quietly, work, run, one)
            for run, one in zip(self._runs[1:], given[1:], strict=True)
        ]
        return [_quietly(work, self._runs[0], given[0]), *(future.result() for future in waiting)]


def descended(gradients: Any, params: Arrays, learning_rate: float, steps: int) -> dict[str, Any]:
    """The parameters after `steps` steps along `gradients(params)`."""
    current = {name: np.asarray(p) for name, p in params.items()}
    for _ in range(steps):
        dp = gradients(current)
        current = {name: p - learning_rate * dp[name] for name, p in current.items()}
    return current


def _total(parts: list[Moments]) -> Moments:
    total = parts[0]
    for part in parts[1:]:
        total = total + part
    return total


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
