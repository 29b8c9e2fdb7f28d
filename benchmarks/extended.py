"""The plain equations in extended precision: a truth for the timed steps that every series is held to.

NumPy multiplies matrices of `longdouble` without BLAS, a hundred times slower than float64. So products are made of
exact ones: both factors are cut into pieces of so few bits that every product of two pieces, and their sum over the
inner axis, is exact in float64 (Ozaki, Ogita, Oishi, Rump, Error-free transformations of matrix multiplication,
Numer. Algorithms 59, 2012). What is left out is below the last bit of `longdouble`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from backproof.models.model import Model
from backproof_numpy.tiles import cores

Arrays = Mapping[str, Any]
TILE = {True: 512, False: 2**15}  # columns at once, of networks: three pieces do for sums of so few products
WIDE = np.finfo(np.longdouble).nmant >= 63  # where longdouble is float64, the plain float64 equations have to do
BITS = 64
U = 2.0**-BITS if WIDE else 2.0**-53  # its unit roundoff
THIN = 48  # rows or columns of a product, below which longdouble itself is faster than cutting


class Extended(np.ndarray[Any, Any]):
    """An array of `longdouble` whose matrix products run at the speed of BLAS."""

    def __matmul__(self, other: Any) -> Any:
        (rows, inner), columns = self.shape, other.shape[1]
        if min(rows, columns) < THIN or not (np.isfinite(self).all() and np.isfinite(other).all()):
            return np.matmul(self, other)
        bits = (53 - math.ceil(math.log2(inner))) // 2
        left, right = list(_pieces(self, 1, bits)), list(_pieces(other, 0, bits))
        total = np.zeros((rows, columns), np.longdouble)
        for i, a in reversed(list(enumerate(left))):  # the smallest first
            for j, b in reversed(list(enumerate(right))):
                if i + j < len(left):
                    total += a @ b
        return total.view(Extended)


def _pieces(array: Any, axis: int, bits: int) -> Iterator[Any]:
    """`array` as a sum of float64 arrays of at most `bits` bits a value, in units common to rows or columns."""
    rest = np.asarray(array, np.longdouble)
    largest = np.abs(rest).max(axis=axis, keepdims=True)
    _, exponent = np.frexp(np.where(largest > 0, largest, 1))
    for piece in range(1, math.ceil(BITS / bits) + 1):
        coarse = np.ldexp(np.longdouble(1.5), exponent - piece * bits + BITS - 1)  # what is added to it is rounded
        cut = (rest + coarse) - coarse
        yield cut.astype(np.float64)
        rest = rest - cut


def descend(model: Model, params: Arrays, data: Arrays, learning_rate: float, steps: int) -> dict[str, Any]:
    """The parameters after `steps` steps of the model file's own equations, as `longdouble`."""
    current = {name: np.asarray(p, np.longdouble) for name, p in params.items()}
    m, columns = data["y"].shape[1], TILE["W1" in params]

    def gradients(start: int) -> dict[str, Any]:
        tile = {name: a[:, start : start + columns].astype(np.longdouble).view(Extended) for name, a in data.items()}
        share = np.longdouble(tile["y"].shape[1]) / m  # of the mean over all examples
        part = model.gradients(**{name: p.view(Extended) for name, p in current.items()}, **tile)
        return {name: share * np.asarray(dp) for name, dp in part.items()}

    with ThreadPoolExecutor(cores()) as pool, threadpool_limits(1, user_api="blas"):
        for _ in range(steps):
            total: dict[str, Any] = {}
            for part in pool.map(gradients, range(0, m, columns)):
                total = {name: total.get(name, 0) + dp for name, dp in part.items()}
            current = {name: p - learning_rate * total[name] for name, p in current.items()}
    return current
