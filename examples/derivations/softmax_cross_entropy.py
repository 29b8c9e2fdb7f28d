"""Softmax regression: P = softmax(W X + b) along classes, loss = mean over examples of -log P[label].

`Y` holds the labels one-hot. With logsumexp, the loss is mean(logsumexp(Z) - sum(Y * Z)), and dZ = (P - Y) / m.
"""

import numpy as np

shapes = dict(X="n m", Y="k m", W="k n", b="k 1")
params = ["W", "b"]


def sample(rng, n, m, k):
    return dict(Y=np.eye(k)[:, rng.integers(0, k, m)])


def loss(xp, X, Y, W, b):
    Z = W @ X + b                                                       # (k, m)
    top = xp.max(Z, axis=0, keepdims=True)                              # (1, m): keeps exp from overflowing
    lse = top + xp.log(xp.sum(xp.exp(Z - top), axis=0, keepdims=True))  # (1, m)
    return xp.mean(lse - xp.sum(Y * Z, axis=0, keepdims=True))          # ()


def gradients(X, Y, W, b):
    m = X.shape[1]
    Z = W @ X + b                                                       # (k, m)
    E = np.exp(Z - Z.max(axis=0, keepdims=True))                        # (k, m)
    P = E / E.sum(axis=0, keepdims=True)                                # (k, m)
    dZ = (P - Y) / m                                                    # (k, m)
    return dict(
        W=dZ @ X.T,                                                     # (k, n)
        b=dZ.sum(axis=1, keepdims=True),                                # (k, 1)
    )


def wrong_gradients(X, Y, W, b):
    """Differentiates the logsumexp and forgets the label's own term."""
    m = X.shape[1]
    E = np.exp(W @ X + b)
    dZ = E / E.sum(axis=0, keepdims=True) / m
    return dict(W=dZ @ X.T, b=dZ.sum(axis=1, keepdims=True))
