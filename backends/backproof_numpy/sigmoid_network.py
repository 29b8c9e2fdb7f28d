"""The sigmoid network on a tile, line by line as in its model file, into buffers that every tile reuses."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]
Arrays = Mapping[str, Any]


class SigmoidNetwork:
    """The sums of one thread over its tiles (`tiles.Sums`) of up to `width` columns.

    X has a row of ones appended, so that one product adds b1, and one sums dZ: [W1 b1] [X; 1], dZ [X; 1]^T.
    sigma(z) = 1 / (1 + exp(-z)) as it stands: exp(-z) may overflow to inf, and 1 / inf is the right 0.
    """

    def __init__(self, n: int, k: int, width: int, dtype: Any) -> None:
        self.X = np.ones((n + 1, width), dtype)
        self.A = np.empty((k, width), dtype)
        self.slope = np.empty((k, width), dtype)
        self.negated = np.empty((k, n + 1), dtype)  # -[W1 b1]
        self.one = np.ones((), dtype)
        self.product = np.empty((n + 1, k), dtype)
        self.W1b1 = np.empty((n + 1, k), dtype)      # [dW1 db1]^T, without the factor w2^T
        self.w2 = np.empty((1, k), dtype)

    def start(self, params: Arrays, m: int) -> None:
        """The next sums are for these params, of a batch of `m` examples."""
        n = self.X.shape[0] - 1
        self.params, self.m, self.b2 = params, m, np.zeros((), self.X.dtype)
        self.negated[:, :n], self.negated[:, n:] = params["W1"], params["b1"]
        # In one contiguous piece: NumPy 2.4's negative of float32, strided in and out, errs (the matrix found it).
        np.negative(self.negated, out=self.negated)
        self.W1b1[:] = self.w2[:] = 0

    def add(self, data: Arrays, start: int, stop: int) -> None:
        """A tile: the columns from `start` to `stop`."""
        w2, y, t = self.params["w2"], data["y"][:, start:stop], stop - start
        X, A, slope = self.X[:, :t], self.A[:, :t], self.slope[:, :t]
        X[:-1] = data["X"][:, start:stop]
        np.matmul(self.negated, X, out=A)                # (k, t) -Z
        np.exp(A, out=A)
        np.add(A, self.one, out=A)
        np.divide(self.one, A, out=A)                    # (k, t) A = sigma(Z)
        y_hat = w2 @ A + self.params["b2"]               # (1, t)
        dy_hat = 2 * (y_hat - y) / self.m                # (1, t)
        np.subtract(self.one, A, out=slope)
        np.multiply(slope, A, out=slope)                 # (k, t) A (1 - A)
        dZ = np.multiply(slope, dy_hat, out=slope)       # (k, t) without w2^T
        self.W1b1 += np.matmul(X, dZ.T, out=self.product)
        self.w2 += dy_hat @ A.T                          # (1, k)
        self.b2 = self.b2 + dy_hat.sum()                 # ()

    @property
    def sums(self) -> dict[str, Any]:
        return dict(W1=self.W1b1[:-1].T, b1=self.W1b1[-1:].T, w2=self.w2, b2=self.b2)
