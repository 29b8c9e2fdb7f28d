"""Two-layer linear network: y_hat = w2 (W1 X + b1) + b2, loss = (1/m) ||y_hat - y||^2.

Columns are examples; `m` is their number. Every equation is stated with its shape.
"""

from backproof.models.primitives import untapped

shapes = dict(X="n m", y="1 m", W1="k n", b1="k 1", w2="1 k", b2="")
params = ["W1", "b1", "w2", "b2"]


def forward(X, W1, b1, w2, b2):
    Z = W1 @ X + b1                                  # (k, m)
    y_hat = w2 @ Z + b2                              # (1, m)
    return y_hat, Z


def backward(X, y, w2, y_hat, Z, m):
    dy_hat = 2 * (y_hat - y) / m                     # (1, m)
    dZ = w2.T @ dy_hat                               # (k, m)
    return dict(
        W1=dZ @ X.T,                                 # (k, n)
        b1=dZ.sum(axis=1, keepdims=True),            # (k, 1)
        w2=dy_hat @ Z.T,                             # (1, k)
        b2=dy_hat.sum(),                             # ()
    )


def loss(xp, X, y, W1, b1, w2, b2, tap=untapped):
    y_hat = tap("y_hat", forward(X, W1, b1, w2, b2)[0])
    return xp.mean((y_hat - y) ** 2)                 # ()


def gradients(X, y, W1, b1, w2, b2):
    y_hat, Z = forward(X, W1, b1, w2, b2)
    return backward(X, y, w2, y_hat, Z, m=X.shape[1])
