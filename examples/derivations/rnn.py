"""A recurrent cell over t steps: h = tanh(W X[i] + U h + b) from h = 0, loss = mean((h - Y)^2) of the last h.

Backpropagation through time: the same W, U, b are met at every step, so their gradients add up.
"""

import numpy as np

shapes = dict(X="t n m", Y="k m", W="k n", U="k k", b="k 1")
params = ["W", "U", "b"]


def loss(xp, X, Y, W, U, b):
    h = 0 * Y                                        # (k, m)
    for i in range(X.shape[0]):
        h = xp.tanh(W @ X[i, :, :] + U @ h + b)      # (k, m)
    return xp.mean((h - Y) ** 2)                     # ()


def states(X, Y, W, U, b):
    """h before the first step, and after every one."""
    h = [0 * Y]
    for x in X:
        h.append(np.tanh(W @ x + U @ h[-1] + b))     # (k, m)
    return h


def gradients(X, Y, W, U, b):
    h = states(X, Y, W, U, b)
    dW, dU, db = 0 * W, 0 * U, 0 * b
    dh = 2 * (h[-1] - Y) / Y.size                    # (k, m)
    for i in reversed(range(X.shape[0])):
        dz = dh * (1 - h[i + 1] ** 2)                # (k, m)
        dW = dW + dz @ X[i].T                        # (k, n)
        dU = dU + dz @ h[i].T                        # (k, k): the state before the step
        db = db + dz.sum(axis=1, keepdims=True)      # (k, 1)
        dh = U.T @ dz                                # (k, m): to the step before
    return dict(W=dW, U=dU, b=db)


def wrong_gradients(X, Y, W, U, b):
    """The state after the step where the one before it belongs."""
    h = states(X, Y, W, U, b)
    dW, dU, db = 0 * W, 0 * U, 0 * b
    dh = 2 * (h[-1] - Y) / Y.size
    for i in reversed(range(X.shape[0])):
        dz = dh * (1 - h[i + 1] ** 2)
        dW = dW + dz @ X[i].T
        dU = dU + dz @ h[i + 1].T
        db = db + dz.sum(axis=1, keepdims=True)
        dh = U.T @ dz
    return dict(W=dW, U=dU, b=db)
