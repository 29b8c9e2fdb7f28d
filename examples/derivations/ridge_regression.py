"""L2-regularised (ridge) regression: loss = mean((w X + b - y)^2) + lam ||w||^2. The bias is not shrunk."""

shapes = dict(X="n m", y="1 m", w="1 n", b="", lam="")
params = ["w", "b"]


def sample(rng, n, m):
    return dict(lam=rng.uniform(0.1, 1))


def loss(xp, X, y, w, b, lam):
    r = w @ X + b - y                                # (1, m)
    return xp.mean(r**2) + lam * xp.sum(w**2)        # ()


def gradients(X, y, w, b, lam):
    m = X.shape[1]
    dr = 2 * (w @ X + b - y) / m                     # (1, m)
    return dict(
        w=dr @ X.T + 2 * lam * w,                    # (1, n)
        b=dr.sum(),                                  # ()
    )


def wrong_gradients(X, y, w, b, lam):
    """The gradient of the fit alone."""
    dr = 2 * (w @ X + b - y) / X.shape[1]
    return dict(w=dr @ X.T, b=dr.sum())
