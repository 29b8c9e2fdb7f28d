"""K steps of descent in one compiled call, for sizes at which calling NumPy costs more than computing."""

from functools import cache
from typing import Any

import numpy as np

from backproof_numba.kernels import BLOCK, Kernel, compiled, kernels


@compiled
def product(W, X, Z):  # type: ignore[no-untyped-def]
    """Z (k, m) = W (k, n) X (n, m)."""
    for i in range(Z.shape[0]):
        Z[i] = 0
        for l in range(X.shape[0]):  # noqa: E741
            for j in range(X.shape[1]):
                Z[i, j] += W[i, l] * X[l, j]


@compiled
def transposed_product(dZ, X, dW):  # type: ignore[no-untyped-def]
    """dW (k, n) = dZ (k, m) X^T (m, n)."""
    for i in range(dZ.shape[0]):
        for l in range(X.shape[0]):  # noqa: E741
            dW[i, l] = 0
            for j in range(X.shape[1]):
                dW[i, l] += dZ[i, j] * X[l, j]


@compiled
def update(p, dp, factor):  # type: ignore[no-untyped-def]
    """p -= factor dp, for arrays of two axes."""
    for i in range(p.shape[0]):
        for j in range(p.shape[1]):
            p[i, j] -= factor * dp[i, j]


@cache
def steps(dtype: str) -> dict[str, Kernel]:
    """By model: (*params, *data, m, learning_rate, K) -> the parameters after K steps; arrays among them change in
    place."""
    of_line, of_lines, of_linear, of_sigmoid = kernels(dtype)

    @compiled
    def univariate(w, b, x, y, m, rate, count):  # type: ignore[no-untyped-def]
        for _ in range(count):
            dw, db = of_line(x, y, w, b, m, 0, x.shape[1])
            w -= rate * dw
            b -= rate * db
        return w, b

    @compiled
    def multivariate(w, b, X, y, m, rate, count):  # type: ignore[no-untyped-def]
        dw, dy_hat = np.empty_like(w), np.empty(min(X.shape[1], BLOCK), X.dtype)
        for _ in range(count):
            dw[:] = 0
            db = of_lines(X, y, w, b, m, 0, X.shape[1], dy_hat, dw)
            update(w, dw, rate)
            b -= rate * db
        return w, b

    @compiled
    def two_layer_linear(W1, b1, w2, b2, X, y, m, rate, count):  # type: ignore[no-untyped-def]
        Z, dy_hat, dw2 = np.empty((len(W1), X.shape[1]), X.dtype), np.empty((1, X.shape[1]), X.dtype), np.empty_like(w2)
        g = np.empty((1, len(X)), X.dtype)
        for _ in range(count):
            product(W1, X, Z)
            dw2[:] = 0
            db2 = of_linear(Z, y, b1, w2, b2, m, 0, dy_hat[0], dw2)
            transposed_product(dy_hat, X, g)
            for i in range(len(W1)):
                for l in range(len(X)):  # noqa: E741
                    W1[i, l] -= rate * (w2[0, i] * g[0, l])
                b1[i, 0] -= rate * (w2[0, i] * db2)
            update(w2, dw2, rate)
            b2 -= rate * db2
        return W1, b1, w2, b2

    @compiled
    def two_layer_nonlinear(W1, b1, w2, b2, X, y, m, rate, count):  # type: ignore[no-untyped-def]
        A, dy_hat = np.empty((len(W1), X.shape[1]), X.dtype), np.empty(X.shape[1], X.dtype)
        dW1, db1, dw2 = np.empty_like(W1), np.empty_like(b1), np.empty_like(w2)
        for _ in range(count):
            product(W1, X, A)
            db1[:] = 0
            dw2[:] = 0
            db2 = of_sigmoid(A, y, b1, w2, b2, m, 0, dy_hat, db1, dw2)
            transposed_product(A, X, dW1)
            for i in range(len(W1)):
                for l in range(len(X)):  # noqa: E741
                    W1[i, l] -= rate * (w2[0, i] * dW1[i, l])
                b1[i, 0] -= rate * (w2[0, i] * db1[i, 0])
            update(w2, dw2, rate)
            b2 -= rate * db2
        return W1, b1, w2, b2

    found: dict[str, Any] = dict(
        univariate=univariate, multivariate=multivariate,
        two_layer_linear=two_layer_linear, two_layer_nonlinear=two_layer_nonlinear,
    )  # fmt: skip
    return found
