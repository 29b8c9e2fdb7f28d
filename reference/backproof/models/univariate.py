"""Univariate regression: y_hat = w x + b, loss = (1/m) ||y_hat - y||^2.

Columns are examples; `m` is their number. Every equation is stated with its shape.
"""

from backproof.models.primitives import untapped

shapes = dict(x="1 m", y="1 m", w="", b="")
params = ["w", "b"]


def forward(x, w, b):
    y_hat = w * x + b                                # (1, m)
    return y_hat


def backward(x, y, y_hat, m):
    dy_hat = 2 * (y_hat - y) / m                     # (1, m)
    return dict(
        w=(dy_hat * x).sum(),                        # ()
        b=dy_hat.sum(),                              # ()
    )


def loss(xp, x, y, w, b, tap=untapped):
    y_hat = tap("y_hat", forward(x, w, b))
    return xp.mean((y_hat - y) ** 2)                 # ()


def gradients(x, y, w, b):
    y_hat = forward(x, w, b)
    return backward(x, y, y_hat, m=x.shape[1])
