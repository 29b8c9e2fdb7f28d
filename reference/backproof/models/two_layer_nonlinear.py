"""Two-layer nonlinear network: y_hat = w2 sigmoid(W1 X + b1) + b2, loss = (1/m) ||y_hat - y||^2.

Columns are examples; `m` is their number. Every equation is stated with its shape.
`xp` is the array namespace that sigmoid is taken from: see `primitives.sigmoid`.
"""

import numpy as np

from backproof.models.primitives import sigmoid, untapped

shapes = dict(X="n m", y="1 m", W1="k n", b1="k 1", w2="1 k", b2="")
params = ["W1", "b1", "w2", "b2"]


def forward(X, W1, b1, w2, b2, xp=np):
    Z = W1 @ X + b1                                  # (k, m)
    A = sigmoid(Z, xp)                               # (k, m)
    y_hat = w2 @ A + b2                              # (1, m)
    return y_hat, A


def backward(X, y, w2, y_hat, A, m):
    dy_hat = 2 * (y_hat - y) / m                     # (1, m)
    dZ = (w2.T @ dy_hat) * A * (1 - A)               # (k, m)
    return dict(
        W1=dZ @ X.T,                                 # (k, n)
        b1=dZ.sum(axis=1, keepdims=True),            # (k, 1)
        w2=dy_hat @ A.T,                             # (1, k)
        b2=dy_hat.sum(),                             # ()
    )


def loss(xp, X, y, W1, b1, w2, b2, tap=untapped):
    y_hat = tap("y_hat", forward(X, W1, b1, w2, b2, xp)[0])
    return xp.mean((y_hat - y) ** 2)                 # ()


def gradients(X, y, W1, b1, w2, b2, xp=np):
    y_hat, A = forward(X, W1, b1, w2, b2, xp)
    return backward(X, y, w2, y_hat, A, m=X.shape[1])
