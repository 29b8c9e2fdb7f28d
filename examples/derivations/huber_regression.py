"""Huber regression: quadratic for residuals |r| <= d, linear beyond, so that outliers pull with bounded force.

loss = mean(r^2 / 2 where |r| <= d, else d (|r| - d/2)), with r = w X + b - y.
Huber, Robust estimation of a location parameter, Ann. Math. Statist. 35(1), 1964.
"""

import numpy as np

shapes = dict(X="n m", y="1 m", w="1 n", b="")
params = ["w", "b"]

d = 1.0


def loss(xp, X, y, w, b):
    r = w @ X + b - y                                                       # (1, m)
    rho = xp.where(xp.abs(r) <= d, r**2 / 2, d * (xp.abs(r) - d / 2))       # (1, m)
    return xp.mean(rho)                                                     # ()


def gradients(X, y, w, b):
    m = X.shape[1]
    r = w @ X + b - y                                                       # (1, m)
    dr = np.clip(r, -d, d) / m                                              # (1, m)
    return dict(
        w=dr @ X.T,                                                         # (1, n)
        b=dr.sum(),                                                         # ()
    )


def wrong_gradients(X, y, w, b):
    """The slope of |r| is taken for 1 on both sides."""
    m = X.shape[1]
    r = w @ X + b - y
    dr = np.where(np.abs(r) <= d, r, d) / m
    return dict(w=dr @ X.T, b=dr.sum())
