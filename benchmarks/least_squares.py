"""Three ways to the least loss of multivariate regression, and data made for it: X (n, m), y (1, m), float64."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from threadpoolctl import ThreadpoolController

from backproof.core.errors import InputError
from backproof.hosting.registry import describe, load
from backproof.models import MODELS

Floats = np.ndarray[Any, Any]  # float64

POWER_STEPS = 5  # of the power iteration
MOST_STEPS = 100_000


def problem(n: int, m: int, condition: float) -> tuple[Floats, Floats]:
    """X (n, m) whose rows have variances from 1 down to 1 / condition, y (1, m) with noise as large as the signal."""
    rng = np.random.default_rng(n * m)
    scale = np.geomspace(1, 1 / condition, n)[:, None] ** 0.5
    X = scale * rng.standard_normal((n, m))
    w = rng.standard_normal((1, n)) / (np.sqrt(n) * scale.T)  # every direction of the features counts alike
    return X, w @ X + rng.standard_normal((1, m))


def cholesky(X: Floats, y: Floats) -> Floats:
    """[w b] (1, n + 1) of the normal equations."""
    cho_factor, cho_solve = _scipy()
    G, r = moments(X, y)
    return np.asarray(cho_solve(cho_factor(G, check_finite=False), r.T, check_finite=False).T)


@cache
def _scipy() -> tuple[Any, Any]:
    """SciPy's Cholesky, its BLAS at one thread: its threads and those of NumPy's own BLAS would wait for each other."""
    from scipy.linalg import cho_factor, cho_solve

    for library in ThreadpoolController().lib_controllers:
        if "scipy.libs" in library.filepath:
            library.set_num_threads(1)
    return cho_factor, cho_solve


def lstsq(X: Floats, y: Floats) -> Floats:
    """[w b] (1, n + 1) by singular values of the data."""
    A = np.vstack([X, np.ones_like(y)])
    return np.asarray(np.linalg.lstsq(A.T, y.T, rcond=None)[0].T)


def moments(X: Floats, y: Floats) -> tuple[Floats, Floats]:
    """[X; 1] [X; 1]^T (n + 1, n + 1) and y [X; 1]^T (1, n + 1)."""
    n, m = X.shape
    G, r = np.empty((n + 1, n + 1)), np.empty((1, n + 1))
    G[:n, :n] = X @ X.T
    G[:n, n] = G[n, :n] = X.sum(axis=1)
    G[n, n] = m
    r[:, :n], r[:, n] = y @ X.T, y.sum()
    return G, r


class Descent:
    """Descent on one problem by one series of a backend."""

    def __init__(self, spec: str) -> None:
        name, _, self.series = spec.partition(":")
        self.backend = load(name)
        offered = [one.name for one in describe(name, self.backend).series]
        if self.series not in offered:
            raise InputError(f"there is no series {spec}; {name} has {', '.join(offered)}")

    def __call__(self, X: Floats, y: Floats, steps: int) -> Floats:
        """[w b] after `steps` steps from zero at 1 / lambda_max."""
        rate = 1 / (2 * largest(X))
        start = {"w": np.zeros((1, len(X))), "b": np.zeros(())}
        data = {"X": X, "y": y}
        end = self.backend.descend(MODELS["multivariate"], self.series, start, data, rate, steps)
        return np.append(end["w"], end["b"])[None]


def largest(X: Floats) -> float:
    """The largest eigenvalue of [X; 1] [X; 1]^T / m by power iteration: from below, and near enough for descent, which
    converges at the inverse of all that is more than half of it."""
    v, value = np.random.default_rng(0).standard_normal(len(X) + 1), 0.0
    for _ in range(POWER_STEPS):
        v /= np.linalg.norm(v)
        u = v[:-1] @ X + v[-1]
        v = np.append(X @ u, u.sum()) / X.shape[1]
        value = float(np.linalg.norm(v))
    return value


def needed(G: Floats, r: Floats, best: float, m: int, rate: float, excess: float) -> int:
    """Steps from zero to a loss of (1 + excess) * best: the error along an eigenvector shrinks by 1 - rate * lambda."""
    eigenvalues, vectors = np.linalg.eigh(2 * G / m)
    along = (np.linalg.solve(G, r.T).T @ vectors)[0]

    def left(steps: int) -> float:
        return float((eigenvalues / 2 * along**2 * (1 - rate * eigenvalues) ** (2 * steps)).sum())

    low, high = 0, 1
    while left(high) > excess * best:
        low, high = high, 2 * high
        if high > MOST_STEPS:
            return MOST_STEPS
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if left(middle) > excess * best else (low, middle)
    return high + 1  # one for rounding


def loss(X: Floats, y: Floats, wb: Floats) -> float:
    """The mean of squares at [w b]."""
    return float(np.mean((wb[:, :-1] @ X + wb[0, -1] - y) ** 2))
