"""Multivariate regression: y_hat = w X + b, loss = (1/m) ||y_hat - y||^2.

Columns are examples; `m` is their number. Every equation is stated with its shape.
"""

from backproof.models.primitives import untapped

shapes = dict(X="n m", y="1 m", w="1 n", b="")
params = ["w", "b"]


def forward(X, w, b):
    y_hat = w @ X + b                                # (1, m)
    return y_hat


def backward(X, y, y_hat, m):
    dy_hat = 2 * (y_hat - y) / m                     # (1, m)
    return dict(
        w=dy_hat @ X.T,                              # (1, n)
        b=dy_hat.sum(),                              # ()
    )


def loss(xp, X, y, w, b, tap=untapped):
    y_hat = tap("y_hat", forward(X, w, b))
    return xp.mean((y_hat - y) ** 2)                 # ()


def gradients(X, y, w, b):
    y_hat = forward(X, w, b)
    return backward(X, y, y_hat, m=X.shape[1])
