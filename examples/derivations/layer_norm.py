"""Layer normalisation: every example (column) is brought to mean 0 and variance 1 over its n features.

H = (X - mu) / s with s = sqrt(var + eps), Y = gamma * H + beta, loss = mean((Y - T)^2).
Ba, Kiros and Hinton, Layer normalization, arXiv:1607.06450.
"""

import numpy as np

shapes = dict(X="n m", T="n m", gamma="n 1", beta="n 1")
params = ["X", "gamma", "beta"]

eps = 1e-5


def loss(xp, X, T, gamma, beta, tap):
    mu = xp.mean(X, axis=0, keepdims=True)                          # (1, m)
    D = X - mu                                                      # (n, m)
    s = xp.sqrt(xp.mean(D**2, axis=0, keepdims=True) + eps)         # (1, m)
    H = tap("H", D / s)                                             # (n, m)
    Y = gamma * H + beta                                            # (n, m)
    return xp.mean((Y - T) ** 2)                                    # ()


def gradients(X, T, gamma, beta):
    D = X - X.mean(axis=0, keepdims=True)                           # (n, m)
    s = np.sqrt((D**2).mean(axis=0, keepdims=True) + eps)           # (1, m)
    H = D / s                                                       # (n, m)
    dY = 2 * (gamma * H + beta - T) / T.size                        # (n, m)
    dH = dY * gamma                                                 # (n, m)
    a = dH.mean(axis=0, keepdims=True)                              # (1, m): through the mean
    b = (dH * H).mean(axis=0, keepdims=True)                        # (1, m): through the variance
    return dict(
        H=dH,                                                       # (n, m)
        X=(dH - a - H * b) / s,                                     # (n, m)
        gamma=(dY * H).sum(axis=1, keepdims=True),                  # (n, 1)
        beta=dY.sum(axis=1, keepdims=True),                         # (n, 1)
    )


def wrong_gradients(X, T, gamma, beta):
    """Takes the mean for a constant."""
    D = X - X.mean(axis=0, keepdims=True)
    s = np.sqrt((D**2).mean(axis=0, keepdims=True) + eps)
    H = D / s
    dY = 2 * (gamma * H + beta - T) / T.size
    dH = dY * gamma
    b = (dH * H).mean(axis=0, keepdims=True)
    dgamma = (dY * H).sum(axis=1, keepdims=True)
    return dict(H=dH, X=(dH - H * b) / s, gamma=dgamma, beta=dY.sum(axis=1, keepdims=True))
