"""The sigmoid network on a tile, line by line as in its model file, into buffers that every tile reuses."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]
Arrays = Mapping[str, Any]


class SigmoidNetwork:
    """Buffers for tiles of up to `width` columns of one thread.

    X has a row of ones appended, so that one product adds b1, and one sums dZ: [W1 b1] [X; 1], dZ [X; 1]^T.
    sigma(z) = 1 / (1 + exp(-z)) as it stands: exp(-z) may overflow to inf, and 1 / inf is the right 0.
    """

    def __init__(self, n: int, k: int, width: int, dtype: Any) -> None:
        self.X = np.ones((n + 1, width), dtype)
        self.A = np.empty((k, width), dtype)
        self.slope = np.empty((k, width), dtype)
        self.negated = np.empty((k, n + 1), dtype)  # -[W1 b1]
        self.one = np.ones((), dtype)

    def started(self, params: Arrays, m: int) -> Callable[[Arrays, Arrays], dict[str, Any]]:
        """The function of a tile, for these params and the global m."""
        n = self.X.shape[0] - 1
        self.negated[:, :n], self.negated[:, n:] = params["W1"], params["b1"]
        # In one contiguous piece: NumPy 2.4's negative of float32, strided in and out, errs (the matrix found it).
        np.negative(self.negated, out=self.negated)
        return lambda p, data: self.gradients(p, data, m)

    def gradients(self, params: Arrays, data: Arrays, m: int) -> dict[str, Any]:
        """The gradients on a tile, those of W1 and b1 without their factor w2^T."""
        w2, y = params["w2"], data["y"]
        n, width = data["X"].shape
        X, A, slope = self.X[:, :width], self.A[:, :width], self.slope[:, :width]
        X[:n] = data["X"]
        np.matmul(self.negated, X, out=A)                # (k, t) -Z
        np.exp(A, out=A)
        np.add(A, self.one, out=A)
        np.divide(self.one, A, out=A)                    # (k, t) A = sigma(Z)
        y_hat = w2 @ A + params["b2"]                    # (1, t)
        dy_hat = 2 * (y_hat - y) / m                     # (1, t)
        np.subtract(self.one, A, out=slope)
        np.multiply(slope, A, out=slope)                 # (k, t) A (1 - A)
        dZ = np.multiply(slope, dy_hat, out=slope)       # (k, t) without w2^T
        dW1b1 = dZ @ X.T                                 # (k, n + 1)
        return dict(
            W1=dW1b1[:, :n],                             # (k, n)
            b1=dW1b1[:, n:],                             # (k, 1)
            w2=dy_hat @ A.T,                             # (1, k)
            b2=dy_hat.sum(),                             # ()
        )
