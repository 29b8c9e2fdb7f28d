"""Other algorithms for the same gradients: they round differently, and so have bounds of their own.

An algorithm is written once, on `+ - * / @`, `.T`, `.sum` and `.reshape`: a backend runs it on arrays, and the truth's
engine traces it, so that its rounding bound is that of its very operations, with the cell's own magnitudes
(`rounding.error_sweep`). The value it is judged by stays that of the model's own loss.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from backproof.models import MODELS
from backproof.models.model import Model

Array = Any  # of NumPy, of a framework, or a traced node
Arrays = Mapping[str, Array]


@dataclass(frozen=True)
class Algorithm:
    """`prepare` what depends on the data alone; then loss and gradients of any params from it."""

    models: tuple[str, ...]  # those that it is for, by name
    prepare: Callable[[Model, Arrays], Any]
    evaluate: Callable[[Model, Any, Arrays], tuple[Array, dict[str, Array]]]


@dataclass(frozen=True)
class Moments:
    """All that the linear models' loss depends on: sums over the m examples."""

    XX: Array  # X X^T  (n, n)
    X1: Array  # X 1    (n, 1)
    yX: Array  # y X^T  (1, n)
    y1: Array  # y 1    (1, 1)
    yy: Array  # y y^T  (1, 1)
    m: int

    def __add__(self, other: "Moments") -> "Moments":
        """The moments of both batches together."""
        pairs = ((getattr(self, name), getattr(other, name)) for name in ("XX", "X1", "yX", "y1", "yy", "m"))
        return Moments(*(a + b for a, b in pairs))


def collect(model: Model, data: Arrays) -> Moments:
    """The moments of a batch, one pass over it."""
    X, y = data["x" if "x" in data else "X"], data["y"]
    return Moments(
        XX=X @ X.T,
        X1=X.sum(axis=1, keepdims=True),
        yX=y @ X.T,
        y1=y.sum(axis=1, keepdims=True),
        yy=y @ y.T,
        m=y.shape[1],
    )


def from_moments(model: Model, M: Moments, params: Arrays) -> tuple[Array, dict[str, Array]]:
    """Loss and gradients in O(n^2 + k n), whatever m is; y_hat = v X + c.

    Near an optimum the terms of both cancel, where the model's own equations subtract y_hat - y first: absolute errors
    are of the size of the terms, and the bounds say so.
    """
    if model.is_network:
        W1, b1, w2, b2 = (params[name] for name in ("W1", "b1", "w2", "b2"))
        v, c = w2 @ W1, w2 @ b1 + b2                                  # (1, n), (1, 1)
    else:
        v, c = params["w"].reshape((1, -1)), params["b"].reshape((1, 1))
    vXX = v @ M.XX                                                    # (1, n)
    vX1 = v @ M.X1                                                    # (1, 1)
    g = 2 * (vXX + c * M.X1.T - M.yX) / M.m                           # (1, n) = dy_hat X^T
    h = 2 * (vX1 + c * M.m - M.y1) / M.m                              # (1, 1) = dy_hat 1
    quadratic = vXX @ v.T + 2 * (c * vX1) + c * c * M.m
    loss = ((quadratic - 2 * (v @ M.yX.T + c * M.y1) + M.yy) / M.m).reshape(())
    if model.is_network:
        return loss, dict(
            W1=w2.T @ g,                                              # (k, n)
            b1=w2.T @ h,                                              # (k, 1)
            w2=g @ W1.T + h @ b1.T,                                   # (1, k)
            b2=h.reshape(()),                                         # ()
        )
    return loss, dict(
        w=g.reshape(params["w"].shape),
        b=h.reshape(()),
    )


LINEAR = tuple(model.name for model in MODELS.values() if model.is_linear)

ALGORITHMS = {"moments": Algorithm(LINEAR, collect, from_moments)}
