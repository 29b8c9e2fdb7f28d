"""A ReLU layer: A = max(W X + b, 0), loss = mean((A - Y)^2). At Z = 0 there is a kink, and no derivative."""

import numpy as np

shapes = dict(X="n m", Y="k m", W="k n", b="k 1")
params = ["W", "b"]


def loss(xp, X, Y, W, b, tap):
    Z = tap("Z", W @ X + b)                          # (k, m)
    A = tap("A", xp.where(Z > 0, Z, 0 * Z))          # (k, m)
    return xp.mean((A - Y) ** 2)                     # ()


def gradients(X, Y, W, b):
    Z = W @ X + b                                    # (k, m)
    A = np.maximum(Z, 0)                             # (k, m)
    dA = 2 * (A - Y) / Y.size                        # (k, m)
    dZ = dA * (Z > 0)                                # (k, m)
    return dict(
        A=dA,                                        # (k, m)
        Z=dZ,                                        # (k, m)
        W=dZ @ X.T,                                  # (k, n)
        b=dZ.sum(axis=1, keepdims=True),             # (k, 1)
    )


def wrong_gradients(X, Y, W, b):
    """Lets the gradient through where the unit is off."""
    A = np.maximum(W @ X + b, 0)
    dA = 2 * (A - Y) / Y.size
    dZ = dA
    return dict(A=dA, Z=dZ, W=dZ @ X.T, b=dZ.sum(axis=1, keepdims=True))
