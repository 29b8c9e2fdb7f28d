"""Scaled dot-product attention: O = softmax(Q K^T / sqrt(d)) V along keys, loss = mean((O - T)^2).

t queries, s keys and values of sizes d and e. The softmax's Jacobian is diag(p) - p p^T in every row.
Vaswani et al., Attention is all you need, arXiv:1706.03762.
"""

import math

import numpy as np

shapes = dict(Q="t d", K="s d", V="s e", T="t e")
params = ["Q", "K", "V"]


def loss(xp, Q, K, V, T, tap):
    S = tap("S", Q @ K.T / math.sqrt(Q.shape[1]))                   # (t, s)
    E = xp.exp(S - xp.max(S, axis=1, keepdims=True))                # (t, s)
    P = tap("P", E / xp.sum(E, axis=1, keepdims=True))              # (t, s): rows add to 1
    O = P @ V                                                       # (t, e)
    return xp.mean((O - T) ** 2)                                    # ()


def gradients(Q, K, V, T):
    scale = 1 / math.sqrt(Q.shape[1])
    S = Q @ K.T * scale                                             # (t, s)
    E = np.exp(S - S.max(axis=1, keepdims=True))                    # (t, s)
    P = E / E.sum(axis=1, keepdims=True)                            # (t, s)
    dO = 2 * (P @ V - T) / T.size                                   # (t, e)
    dP = dO @ V.T                                                   # (t, s)
    dS = P * (dP - (P * dP).sum(axis=1, keepdims=True))             # (t, s)
    return dict(
        P=dP,                                                       # (t, s)
        S=dS,                                                       # (t, s)
        Q=dS @ K * scale,                                           # (t, d)
        K=dS.T @ Q * scale,                                         # (s, d)
        V=P.T @ dO,                                                 # (s, e)
    )


def wrong_gradients(Q, K, V, T):
    """Takes the softmax for elementwise: its denominator is no constant."""
    scale = 1 / math.sqrt(Q.shape[1])
    E = np.exp(Q @ K.T * scale)
    P = E / E.sum(axis=1, keepdims=True)
    dO = 2 * (P @ V - T) / T.size
    dP = dO @ V.T
    dS = P * dP
    return dict(P=dP, S=dS, Q=dS @ K * scale, K=dS.T @ Q * scale, V=P.T @ dO)
