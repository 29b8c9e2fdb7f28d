"""A residual block: Y = X + W2 tanh(W1 X), loss = mean((Y - T)^2). The gradient reaches X by two ways.

He, Zhang, Ren and Sun, Deep residual learning for image recognition, arXiv:1512.03385.
"""

import numpy as np

shapes = dict(X="n m", T="n m", W1="k n", W2="n k")
params = ["X", "W1", "W2"]


def loss(xp, X, T, W1, W2):
    A = xp.tanh(W1 @ X)                              # (k, m)
    Y = X + W2 @ A                                   # (n, m)
    return xp.mean((Y - T) ** 2)                     # ()


def gradients(X, T, W1, W2):
    A = np.tanh(W1 @ X)                              # (k, m)
    dY = 2 * (X + W2 @ A - T) / T.size               # (n, m)
    dA = W2.T @ dY                                   # (k, m)
    dZ = dA * (1 - A**2)                             # (k, m)
    return dict(
        X=dY + W1.T @ dZ,                            # (n, m): the skip, and the block
        W1=dZ @ X.T,                                 # (k, n)
        W2=dY @ A.T,                                 # (n, k)
    )


def wrong_gradients(X, T, W1, W2):
    """Forgets the skip connection on the way back."""
    A = np.tanh(W1 @ X)
    dY = 2 * (X + W2 @ A - T) / T.size
    dZ = (W2.T @ dY) * (1 - A**2)
    return dict(X=W1.T @ dZ, W1=dZ @ X.T, W2=dY @ A.T)
