"""Data that is not in memory, standardised in the very loops that sum its gradients: read from memory once a step."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

import numpy as np

from backproof.descent.streaming.columns import Columns
from backproof.models.model import Model
from backproof_numba.kernels import BLOCK, Kernel, compiled
from backproof_numba.on_tiles import WIDE, Network
from backproof_numpy.tiles import Sums, Way, width

Arrays = Mapping[str, Any]
Array = np.ndarray[Any, Any]


@cache
def regression() -> Kernel:
    """Made once; compiled when first called."""

    @compiled
    def kernel(X, pitch, y, shift, factor, y_shift, y_factor, w, b, m, dy_hat, dw):  # type: ignore[no-untyped-def]
        """dw (n,) grows by that of the columns, db is returned. Row i of the raw X begins at i * pitch, y (t,) is raw
        too; X_i and y stand for (X_i - shift_i) factor_i. Kept is the subtraction, for nothing to cancel later; the
        factor goes to w before and to dw after. So many columns as dy_hat has are read again from the cache."""
        n, db, wide = len(shift), 0.0, len(dy_hat)
        for first in range(0, len(y), wide):
            t = min(wide, len(y) - first)
            y_row = y[first : first + t]
            for j in range(t):
                dy_hat[j] = b - (y_row[j] - y_shift) * y_factor
            for i in range(0, n - 3, 4):
                at = i * pitch + first
                X0, X1 = X[at : at + t], X[at + pitch : at + pitch + t]
                X2, X3 = X[at + 2 * pitch : at + 2 * pitch + t], X[at + 3 * pitch : at + 3 * pitch + t]
                s0, s1, s2, s3 = shift[i], shift[i + 1], shift[i + 2], shift[i + 3]
                w0, w1 = w[i] * factor[i], w[i + 1] * factor[i + 1]
                w2, w3 = w[i + 2] * factor[i + 2], w[i + 3] * factor[i + 3]
                for j in range(t):
                    dy_hat[j] += w0 * (X0[j] - s0) + w1 * (X1[j] - s1) + w2 * (X2[j] - s2) + w3 * (X3[j] - s3)
            for i in range(n - n % 4, n):
                X0, s0, w0 = X[i * pitch + first : i * pitch + first + t], shift[i], w[i] * factor[i]
                for j in range(t):
                    dy_hat[j] += w0 * (X0[j] - s0)
            part = 0.0
            for j in range(t):
                dy_hat[j] = 2 * dy_hat[j] / m
                part += dy_hat[j]
            db += part
            for i in range(n):
                X0, s0, part = X[i * pitch + first : i * pitch + first + t], shift[i], 0.0
                for j in range(t):
                    part += dy_hat[j] * (X0[j] - s0)
                dw[i] += part * factor[i]
        return db

    found: Kernel = kernel
    return found


class Regression:
    """The sums of one thread (`tiles.Sums`) of either regression over `Columns`, in float64."""

    def __init__(self, n: int) -> None:
        self.kernel = regression()
        self.dw, self.dy_hat = np.empty(n), np.empty(min(BLOCK, max(WIDE, width(n + 1, np.float64))))

    def start(self, params: Arrays, m: int) -> None:
        self.w, self.b, self.m, self.db = np.ravel(params["w"]), float(params["b"]), float(m), 0.0
        self.dw[:] = 0

    def add(self, data: Arrays, start: int, stop: int) -> None:
        X: Columns = data["X"] if "X" in data else data["x"]
        raw, shift, factor = X.raw(start, stop)
        y, y_shift, y_factor = data["y"].raw(start, stop)
        flat, pitch = rows_in_line(raw)
        self.db += self.kernel(
            flat, pitch, rows_in_line(y)[0], shift[:, 0], factor[:, 0], y_shift[0, 0], y_factor[0, 0],
            self.w, self.b, self.m, self.dy_hat, self.dw,
        )  # fmt: skip

    @property
    def sums(self) -> dict[str, Any]:
        return dict(w=self.dw, b=self.db)


def rows_in_line(tile: Array) -> tuple[Array, int]:
    """All from the first value of a tile (rows, t) to its last as one line, and how far in it a row is from the next:
    a view where the rows are float64 without gaps, so that kernels are compiled for that alone; else of a copy."""
    rows, t = tile.shape
    aligned = tile.dtype == np.float64 and tile.dtype.isnative and tile.flags.aligned
    if not aligned or tile.strides[1] != 8 or tile.strides[0] < 8 * t or tile.strides[0] % 8:
        tile = np.ascontiguousarray(tile, np.float64)
    pitch = tile.strides[0] // 8
    line = np.lib.stride_tricks.as_strided(tile, ((rows - 1) * pitch + t,), (8,), writeable=False)
    return line, pitch


def _sums(model: Model, n: int, k: int, columns: int, dtype: Any) -> Sums:
    return Network(model, n, k, columns, dtype) if k else Regression(n)


STREAMED = Way(lambda model, n, k, dtype: width(n + k + 1, dtype), _sums)
