"""Logistic regression: p = sigmoid(w X + b), loss = mean(-y log p - (1 - y) log(1 - p)).

The two logarithms together are log(1 + exp(z)) - y z, which neither overflows nor takes log 0.
"""

import numpy as np

shapes = dict(X="n m", y="1 m", w="1 n", b="")
params = ["w", "b"]


def sample(rng, n, m):
    return dict(y=rng.integers(0, 2, (1, m)))               # labels 0 and 1


def loss(xp, X, y, w, b):
    z = w @ X + b                                           # (1, m)
    return xp.mean(xp.logaddexp(z, 0 * z) - y * z)          # ()


def gradients(X, y, w, b):
    m = X.shape[1]
    z = w @ X + b                                           # (1, m)
    p = 1 / (1 + np.exp(-z))                                # (1, m)
    dz = (p - y) / m                                        # (1, m)
    return dict(
        w=dz @ X.T,                                         # (1, n)
        b=dz.sum(),                                         # ()
    )


def wrong_gradients(X, y, w, b):
    """Truth minus prediction, as in the update rule: ascends."""
    m = X.shape[1]
    p = 1 / (1 + np.exp(-(w @ X + b)))
    dz = (y - p) / m
    return dict(w=dz @ X.T, b=dz.sum())
