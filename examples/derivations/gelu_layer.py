"""A GELU layer in its tanh form: A = Z (1 + tanh(c (Z + 0.044715 Z^3))) / 2, c = sqrt(2/pi), loss = mean((A - Y)^2).

Hendrycks and Gimpel, Gaussian error linear units, arXiv:1606.08415.
"""

import math

import numpy as np

shapes = dict(X="n m", Y="k m", W="k n", b="k 1")
params = ["W", "b"]

c = math.sqrt(2 / math.pi)


def loss(xp, X, Y, W, b):
    Z = W @ X + b                                               # (k, m)
    T = xp.tanh(c * (Z + 0.044715 * Z**3))                      # (k, m)
    A = Z * (1 + T) / 2                                         # (k, m)
    return xp.mean((A - Y) ** 2)                                # ()


def gradients(X, Y, W, b):
    Z = W @ X + b                                               # (k, m)
    T = np.tanh(c * (Z + 0.044715 * Z**3))                      # (k, m)
    A = Z * (1 + T) / 2                                         # (k, m)
    dA = 2 * (A - Y) / Y.size                                   # (k, m)
    dT_dZ = (1 - T**2) * c * (1 + 3 * 0.044715 * Z**2)          # (k, m)
    dZ = dA * ((1 + T) / 2 + Z * dT_dZ / 2)                     # (k, m): product rule
    return dict(
        W=dZ @ X.T,                                             # (k, n)
        b=dZ.sum(axis=1, keepdims=True),                        # (k, 1)
    )


def wrong_gradients(X, Y, W, b):
    """Half a product rule: the gate is taken for a constant."""
    Z = W @ X + b
    T = np.tanh(c * (Z + 0.044715 * Z**3))
    dA = 2 * (Z * (1 + T) / 2 - Y) / Y.size
    dZ = dA * (1 + T) / 2
    return dict(W=dZ @ X.T, b=dZ.sum(axis=1, keepdims=True))
