"""What one thread sums over its columns (`backproof_numpy.tiles.Sums`): large products by BLAS, all else by kernels."""

import sys
from collections.abc import Mapping
from typing import Any

import numpy as np

from backproof.models.model import Model
from backproof_numba.kernels import BLOCK, kernels
from backproof_numpy.tiles import Sums, Way, width

Arrays = Mapping[str, Any]


WIDE = 512  # columns: with less of each row at a time, memory is slower than reading everything twice


class Univariate:
    """Sums of the univariate gradients (`backproof_numpy.tiles.Sums`), each tile read once."""

    def __init__(self, dtype: Any) -> None:
        self.real, self.kernel = dtype.type, kernels(dtype.name).univariate
        self.sums: dict[str, Any] = {}

    def start(self, params: Arrays, m: int) -> None:
        self.w, self.b, self.m = params["w"][()], params["b"][()], self.real(m)
        self.sums = dict(w=self.real(0), b=self.real(0))

    def add(self, data: Arrays, start: int, stop: int) -> None:
        dw, db = self.kernel(data["x"], data["y"], self.w, self.b, self.m, start, stop)
        self.sums = dict(w=self.real(self.sums["w"] + dw), b=self.real(self.sums["b"] + db))


class Multivariate:
    """Sums of the multivariate gradients, each block of columns read from memory once."""

    def __init__(self, n: int, dtype: Any) -> None:
        self.real, self.kernel = dtype.type, kernels(dtype.name).multivariate
        self.dw, self.dy_hat = np.empty((1, n), dtype), np.empty(min(BLOCK, max(WIDE, width(n + 1, dtype))), dtype)

    def start(self, params: Arrays, m: int) -> None:
        self.w, self.b, self.m, self.db = params["w"], params["b"][()], self.real(m), self.real(0)
        self.dw[:] = 0

    def add(self, data: Arrays, start: int, stop: int) -> None:
        db = self.kernel(data["X"], data["y"], self.w, self.b, self.m, start, stop, self.dy_hat, self.dw)
        self.db = self.real(self.db + db)

    @property
    def sums(self) -> dict[str, Any]:
        return dict(w=self.dw, b=self.db)


class Network:
    """Either network; dZ of the linear one has rank one, and needs no product of matrices."""

    def __init__(self, model: Model, n: int, k: int, columns: int, dtype: Any) -> None:
        self.real, self.kernels, self.linear = dtype.type, kernels(dtype.name), model.is_linear
        self.X, self.A, self.dy_hat = (np.empty((rows, columns), dtype) for rows in (n, k, 1))
        self.W1, self.b1, self.w2 = (
            np.empty((n, 1 if self.linear else k), dtype),
            np.empty((k, 1), dtype),
            np.empty((1, k), dtype),
        )
        self.product = np.empty_like(self.W1)

    def start(self, params: Arrays, m: int) -> None:
        self.params, self.m, self.b2 = params, self.real(m), self.real(0)
        self.W1[:] = self.b1[:] = self.w2[:] = 0

    def add(self, data: Arrays, start: int, stop: int) -> None:
        t = stop - start
        X, A, dy_hat = self.X[:, :t], self.A[:, :t], self.dy_hat[:, :t]
        X[:], y = data["X"][:, start:stop], data["y"][:, start:stop]
        np.matmul(self.params["W1"], X, out=A)
        arguments = A, y, self.params["b1"], self.params["w2"], self.params["b2"][()], self.m, 0, dy_hat[0]
        if self.linear:
            db2 = self.kernels.linear(*arguments, self.w2)
            self.b1 += db2
        else:
            db2 = self.kernels.sigmoid(*arguments, self.b1, self.w2)
        dZ = dy_hat if self.linear else A  # without the factor w2^T
        self.W1 += np.matmul(X, dZ.T, out=self.product)
        self.b2 = self.real(self.b2 + db2)

    @property
    def sums(self) -> dict[str, Any]:
        return dict(W1=self.W1.T, b1=self.b1, w2=self.w2, b2=self.b2)


def _sums(model: Model, n: int, k: int, columns: int, dtype: Any) -> Sums:
    if model.has_one_feature:
        return Univariate(dtype)
    return Network(model, n, k, columns, dtype) if k else Multivariate(n, dtype)


def _columns(model: Model, n: int, k: int, dtype: Any) -> int:
    """The regressions' kernels make tiles of their own."""
    return width(n + k + 1, dtype) if k else sys.maxsize


FUSED = Way(_columns, _sums)
