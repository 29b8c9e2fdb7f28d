"""Matrix factorisation with gaps: X ~ U V of rank k where M = 1; loss = sum(M * (U V - X)^2) / 2."""

shapes = dict(X="n m", M="n m", U="n k", V="k m")
params = ["U", "V"]


def sample(rng, n, m, k):
    return dict(M=rng.integers(0, 2, (n, m)))        # 1 where X was observed


def loss(xp, X, M, U, V):
    R = U @ V - X                                    # (n, m)
    return xp.sum(M * R**2) / 2                      # ()


def gradients(X, M, U, V):
    dR = M * (U @ V - X)                             # (n, m)
    return dict(
        U=dR @ V.T,                                  # (n, k)
        V=U.T @ dR,                                  # (k, m)
    )


def wrong_gradients(X, M, U, V):
    """Learns from the gaps too."""
    dR = U @ V - X
    return dict(U=dR @ V.T, V=U.T @ dR)
