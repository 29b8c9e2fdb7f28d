"""The lines of the model files, compiled: what NumPy does in ten passes over a tile is done in one.

Examples lie side by side in the rows, which every kernel walks along. Sums may be reassociated, which the bounds
allow; nothing else may be, and nothing at all in `exponential`.
"""

import math
from collections.abc import Callable
from decimal import Decimal
from functools import cache
from typing import Any, NamedTuple

import numpy as np
from numba import njit

BLOCK = 4096  # columns of a partial sum: many examples shall not meet in one running sum
compiled = njit(nogil=True, fastmath={"reassoc", "contract", "nsz"}, error_model="numpy")
as_written = njit(nogil=True, fastmath={"contract"}, error_model="numpy")
Kernel = Callable[..., Any]


class Kernels(NamedTuple):
    """The kernels of one dtype; `m` is the number of examples of the whole batch, in that dtype."""

    univariate: Kernel
    multivariate: Kernel
    linear: Kernel
    sigmoid: Kernel


def exponential(dtype: str) -> Kernel:
    """e^x = 2^q e^r with q whole and |r| <= ln(2) / 2, e^r by its Taylor series; x is kept where 2^q is normal."""
    real: Any
    whole: Any
    if dtype == "float32":
        real, whole, mantissa, bias, highest, terms, kept = np.float32, np.int32, 23, 127, 88, 7, 14
    else:
        real, whole, mantissa, bias, highest, terms, kept = np.float64, np.int64, 52, 1023, 709, 13, 41
    ln2 = Decimal(2).ln()
    ln2_high = real(math.floor(ln2 * 2**kept) / 2**kept)  # so few bits that q * ln2_high is exact
    ln2_low, per_ln2 = real(ln2 - Decimal(float(ln2_high))), real(1 / ln2)
    coefficients = tuple(real(1 / math.factorial(j)) for j in range(terms - 1, -1, -1))
    first, half, high, low = real(1 / math.factorial(terms)), real(0.5), real(highest), real(1 - highest)
    shift, offset = whole(mantissa), whole(bias)

    @as_written
    def exp(x):  # type: ignore[no-untyped-def]
        if x > high:
            x = high
        if x < low:  # NaN stays
            x = low
        q = np.floor(x * per_ln2 + half)
        r = (x - q * ln2_high) - q * ln2_low
        series = first
        for c in coefficients:
            series = series * r + c
        return series * whole((whole(q) + offset) << shift).view(real)

    found: Kernel = exp
    return found


@cache
def kernels(dtype: str) -> Kernels:
    """Made once a dtype; compiled when first called."""
    real, exp = np.dtype(dtype).type, exponential(dtype)
    zero, one, two = real(0), real(1), real(2)

    @compiled
    def univariate(x, y, w, b, m, start, stop):  # type: ignore[no-untyped-def]
        """(dw, db) of the columns from `start` to `stop`."""
        dw, db = zero, zero
        for first in range(start, stop, BLOCK):
            last = min(first + BLOCK, stop)
            x_row, y_row, part_w, part_b = x[0][first:last], y[0][first:last], zero, zero
            for j in range(last - first):
                dy_hat = two * (w * x_row[j] + b - y_row[j]) / m
                part_w += dy_hat * x_row[j]
                part_b += dy_hat
            dw += part_w
            db += part_b
        return dw, db

    @compiled
    def multivariate(X, y, w, b, m, start, stop, dy_hat, dw):  # type: ignore[no-untyped-def]
        """dw (1, n) grows by that of the columns, db is returned. So many columns as dy_hat has are read twice, the
        second time from the cache; four rows at a time, for memory to have four streams to fetch."""
        n, width, db = X.shape[0], len(dy_hat), zero
        for first in range(start, stop, width):
            last = min(first + width, stop)
            t, y_row = last - first, y[0][first:last]
            for j in range(t):
                dy_hat[j] = b - y_row[j]
            for i in range(0, n - 3, 4):
                X0, X1, X2, X3 = X[i][first:last], X[i + 1][first:last], X[i + 2][first:last], X[i + 3][first:last]
                w0, w1, w2, w3 = w[0, i], w[0, i + 1], w[0, i + 2], w[0, i + 3]
                for j in range(t):
                    dy_hat[j] += w0 * X0[j] + w1 * X1[j] + w2 * X2[j] + w3 * X3[j]
            for i in range(n - n % 4, n):
                X0, w0 = X[i][first:last], w[0, i]
                for j in range(t):
                    dy_hat[j] += w0 * X0[j]
            part = zero
            for j in range(t):
                dy_hat[j] = two * dy_hat[j] / m
                part += dy_hat[j]
            db += part
            for i in range(0, n - 3, 4):
                X0, X1, X2, X3 = X[i][first:last], X[i + 1][first:last], X[i + 2][first:last], X[i + 3][first:last]
                part0, part1, part2, part3 = zero, zero, zero, zero
                for j in range(t):
                    part0 += dy_hat[j] * X0[j]
                    part1 += dy_hat[j] * X1[j]
                    part2 += dy_hat[j] * X2[j]
                    part3 += dy_hat[j] * X3[j]
                dw[0, i] += part0
                dw[0, i + 1] += part1
                dw[0, i + 2] += part2
                dw[0, i + 3] += part3
            for i in range(n - n % 4, n):
                X0, part = X[i][first:last], zero
                for j in range(t):
                    part += dy_hat[j] * X0[j]
                dw[0, i] += part
        return db

    @compiled
    def linear(Z, y, b1, w2, b2, m, start, dy_hat, dw2):  # type: ignore[no-untyped-def]
        """Z (k, t) = W1 X in, Z + b1 out; dy_hat (t,); dw2 (1, k) grows; db2 is returned."""
        k, t = Z.shape
        y_row = y[0][start : start + t]
        for j in range(t):
            dy_hat[j] = b2 - y_row[j]
        for i in range(k):
            for j in range(t):
                Z[i, j] += b1[i, 0]
                dy_hat[j] += w2[0, i] * Z[i, j]
        db2 = zero
        for j in range(t):
            dy_hat[j] = two * dy_hat[j] / m
            db2 += dy_hat[j]
        for i in range(k):
            part = zero
            for j in range(t):
                part += dy_hat[j] * Z[i, j]
            dw2[0, i] += part
        return db2

    @compiled
    def sigmoid(A, y, b1, w2, b2, m, start, dy_hat, db1, dw2):  # type: ignore[no-untyped-def]
        """A (k, t) = W1 X in, dZ without its factor w2^T out; dy_hat (t,); db1 (k, 1), without w2^T too, and
        dw2 (1, k) grow; db2 is returned."""
        k, t = A.shape
        y_row = y[0][start : start + t]
        for j in range(t):
            dy_hat[j] = b2 - y_row[j]
        for i in range(k):
            for j in range(t):
                A[i, j] = one / (one + exp(-(A[i, j] + b1[i, 0])))
                dy_hat[j] += w2[0, i] * A[i, j]
        db2 = zero
        for j in range(t):
            dy_hat[j] = two * dy_hat[j] / m
            db2 += dy_hat[j]
        for i in range(k):
            part1, part2 = zero, zero
            for j in range(t):
                part2 += dy_hat[j] * A[i, j]
                A[i, j] = dy_hat[j] * (A[i, j] * (one - A[i, j]))
                part1 += A[i, j]
            db1[i, 0] += part1
            dw2[0, i] += part2
        return db2

    return Kernels(univariate, multivariate, linear, sigmoid)
