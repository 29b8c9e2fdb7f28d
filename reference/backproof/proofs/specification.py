"""The models once more, independently: shapes, and losses as plain loops over scalars and in index notation.

Nothing is shared with the model files. In the loops there are no arrays, no broadcasting, no mean, and sigma is in
its textbook form; the scalars may be of any kind that knows + - * / ** and, for sigma, `exp`. The index notation says
the same for all sizes at once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from sympy import Expr, IndexedBase, Sum, Symbol

from backproof.proofs.symbols import DIMS, index, sigma

NETWORK = dict(X="n m", y="1 m", W1="k n", b1="k 1", w2="1 k", b2=""), ("W1", "b1", "w2", "b2")
DECLARED = {
    "univariate": (dict(x="1 m", y="1 m", w="", b=""), ("w", "b")),
    "multivariate": (dict(X="n m", y="1 m", w="1 n", b=""), ("w", "b")),
    "two_layer_linear": NETWORK,
    "two_layer_nonlinear": NETWORK,
}

Rows = Sequence[Sequence[Any]]


def _mean_square(outputs: Sequence[Any], y: Rows) -> Any:
    total = 0
    for output, target in zip(outputs, y[0], strict=True):
        total = total + (output - target) ** 2
    return total / len(outputs)


def univariate(x: Rows, y: Rows, w: Any, b: Any) -> Any:
    """The mean of (w x + b - y)^2."""
    return _mean_square([w * value + b for value in x[0]], y)


def multivariate(X: Rows, y: Rows, w: Rows, b: Any) -> Any:
    """The mean of (w X + b - y)^2."""
    outputs = []
    for j in range(len(y[0])):
        output = b
        for q in range(len(X)):
            output = output + w[0][q] * X[q][j]
        outputs.append(output)
    return _mean_square(outputs, y)


def _two_layer(X: Rows, y: Rows, W1: Rows, b1: Rows, w2: Rows, b2: Any, activation: Callable[[Any], Any]) -> Any:
    outputs = []
    for j in range(len(y[0])):
        output = b2
        for p in range(len(W1)):
            z = b1[p][0]
            for q in range(len(X)):
                z = z + W1[p][q] * X[q][j]
            output = output + w2[0][p] * activation(z)
        outputs.append(output)
    return _mean_square(outputs, y)


def two_layer_linear(X: Rows, y: Rows, W1: Rows, b1: Rows, w2: Rows, b2: Any) -> Any:
    """The mean of (w2 (W1 X + b1) + b2 - y)^2."""
    return _two_layer(X, y, W1, b1, w2, b2, lambda z: z)


def two_layer_nonlinear(X: Rows, y: Rows, W1: Rows, b1: Rows, w2: Rows, b2: Any) -> Any:
    """The mean of (w2 sigma(W1 X + b1) + b2 - y)^2, sigma(z) being 1 / (1 + exp(-z))."""
    return _two_layer(X, y, W1, b1, w2, b2, lambda z: 1 / (1 + (-z).exp()))


SPECIFICATIONS = {each.__name__: each for each in (univariate, multivariate, two_layer_linear, two_layer_nonlinear)}
TRANSCENDENTAL = {"two_layer_nonlinear"}  # not to be had in rationals


n, m, k = (DIMS[letter] for letter in "nmk")
i, j, l = (index(letter) for letter in "ijl")  # noqa: E741
x, X, y, w, W1, b1, w2 = (IndexedBase(name) for name in ("x", "X", "y", "w", "W1", "b1", "w2"))
w_, b, b2 = (Symbol(name) for name in ("w", "b", "b2"))


def _mean_squares(output: Expr) -> Expr:
    return Sum((output - y[j]) ** 2, (j, 1, m)) / m


def _network(activation: Callable[[Expr], Expr]) -> Expr:
    Z = Sum(W1[i, l] * X[l, j], (l, 1, n)) + b1[i]
    return _mean_squares(Sum(w2[i] * activation(Z), (i, 1, k)) + b2)


LOSSES: dict[str, Expr] = {
    "univariate": _mean_squares(w_ * x[j] + b),
    "multivariate": _mean_squares(Sum(w[l] * X[l, j], (l, 1, n)) + b),
    "two_layer_linear": _network(lambda z: z),
    "two_layer_nonlinear": _network(sigma),
}
