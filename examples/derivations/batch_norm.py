"""Batch normalisation in training: every feature (row) is brought to mean 0 and variance 1 over the m examples.

H = (X - mu) / sqrt(var + eps), Y = gamma * H + beta, loss = mean((Y - T)^2).
Ioffe and Szegedy, Batch normalization, arXiv:1502.03167: the chain rule below is theirs, step by step.
"""

import numpy as np

shapes = dict(X="n m", T="n m", gamma="n 1", beta="n 1")
params = ["X", "gamma", "beta"]

eps = 1e-5


def loss(xp, X, T, gamma, beta):
    mu = xp.mean(X, axis=1, keepdims=True)                              # (n, 1)
    var = xp.mean((X - mu) ** 2, axis=1, keepdims=True)                 # (n, 1)
    H = (X - mu) / xp.sqrt(var + eps)                                   # (n, m)
    Y = gamma * H + beta                                                # (n, m)
    return xp.mean((Y - T) ** 2)                                        # ()


def gradients(X, T, gamma, beta):
    m = X.shape[1]
    mu = X.mean(axis=1, keepdims=True)                                  # (n, 1)
    D = X - mu                                                          # (n, m)
    s = np.sqrt((D**2).mean(axis=1, keepdims=True) + eps)               # (n, 1)
    H = D / s                                                           # (n, m)
    dY = 2 * (gamma * H + beta - T) / T.size                            # (n, m)
    dH = dY * gamma                                                     # (n, m)
    dvar = -(dH * D).sum(axis=1, keepdims=True) / (2 * s**3)            # (n, 1)
    dmu = -dH.sum(axis=1, keepdims=True) / s                            # (n, 1)
    return dict(
        X=dH / s + dvar * 2 * D / m + dmu / m,                          # (n, m)
        gamma=(dY * H).sum(axis=1, keepdims=True),                      # (n, 1)
        beta=dY.sum(axis=1, keepdims=True),                             # (n, 1)
    )


def wrong_gradients(X, T, gamma, beta):
    """Takes the variance for a constant, as at inference."""
    D = X - X.mean(axis=1, keepdims=True)
    s = np.sqrt((D**2).mean(axis=1, keepdims=True) + eps)
    H = D / s
    dY = 2 * (gamma * H + beta - T) / T.size
    dH = dY * gamma
    dX = (dH - dH.mean(axis=1, keepdims=True)) / s
    return dict(X=dX, gamma=(dY * H).sum(axis=1, keepdims=True), beta=dY.sum(axis=1, keepdims=True))
