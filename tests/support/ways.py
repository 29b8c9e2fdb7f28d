"""Right gradients in many ways of rounding: random orders, blockings, compensations, FMA, and algebra."""

import numpy as np

from backproof.models import sigmoid


def fma(a, b, c, dtype):
    """a * b + c, rounded once (but for the rounding of a longer format in between)."""
    return (np.longdouble(a) * np.longdouble(b) + np.longdouble(c)).astype(dtype)


def dot(a, b, rng, start=None):
    """a @ b (+ start), shapes (p, q), (q, r), every operation rounded to their dtype, the order drawn at random."""
    dtype, q = a.dtype, a.shape[1]
    order = rng.permutation(q)
    terms = [(a[:, i : i + 1], b[i : i + 1]) for i in order]
    zero = np.zeros((a.shape[0], b.shape[1]), dtype) if start is None else np.broadcast_to(start, (len(a), b.shape[1]))
    way = rng.integers(6)
    if way == 0:  # running
        total = zero
        for x, y in terms:
            total = total + x * y
        return total
    if way == 1:  # running, fused
        total = zero
        for x, y in terms:
            total = fma(x, y, total, dtype)
        return total
    if way == 2:  # pairwise
        parts = [zero, *(x * y for x, y in terms)]
        while len(parts) > 1:
            parts = [parts[i] + parts[i + 1] if i + 1 < len(parts) else parts[i] for i in range(0, len(parts), 2)]
        return parts[0]
    if way == 3:  # compensated (Kahan)
        total, lost = zero, np.zeros_like(zero)
        for x, y in terms:
            term = x * y - lost
            raised = total + term
            total, lost = raised, (raised - total) - term
        return total
    if way == 4:  # blocks
        size = int(rng.integers(1, q + 1))
        total = zero
        for first in range(0, q, size):
            block = np.zeros_like(zero)
            for x, y in terms[first : first + size]:
                block = block + x * y
            total = total + block
        return total
    return (np.longdouble(a) @ np.longdouble(b) + np.longdouble(zero)).astype(dtype)  # long, rounded once


def total(v, rng):
    """The sum of all of `v`, as a dot product with ones."""
    return dot(v.reshape(1, -1), np.ones((v.size, 1), v.dtype), rng).reshape(())


def residual(weights, inputs, bias, y, rng):
    """weights @ inputs + bias - y, with the bias, or the bias and the target, added first or last."""
    way = rng.integers(3)
    if way == 0:
        return dot(weights, inputs, rng) + bias - y
    if way == 1:
        return dot(weights, inputs, rng, start=bias) - y
    return dot(weights, inputs, rng, start=bias - y)


def scaled(r, m, rng):
    """2 r / m, in one of the ways a product of three can be made."""
    two, m = r.dtype.type(2), r.dtype.type(m)
    return [2 * r / m, two / m * r, r * (two / m), r / m * two, (1 / m * r) * two][rng.integers(5)]


def gradients(name, arrays, rng):
    """The gradients of model `name` at `arrays`, computed in a random way in the arrays' dtype."""
    y = arrays["y"]
    m = y.shape[1]
    if name in ("univariate", "multivariate"):
        X = arrays["X"] if name == "multivariate" else arrays["x"]
        w = arrays["w"] if name == "multivariate" else arrays["w"].reshape(1, 1)
        r = residual(w, X, arrays["b"], y, rng)
        if rng.integers(2):  # scale the reduced result instead
            dw, db = scaled(dot(r, X.T, rng), m, rng), scaled(total(r, rng), m, rng)
        else:
            dw, db = dot(scaled(r, m, rng), X.T, rng), total(scaled(r, m, rng), rng)
        return {"w": dw.reshape(arrays["w"].shape), "b": db}
    X, W1, b1, w2, b2 = (arrays[key] for key in ("X", "W1", "b1", "w2", "b2"))
    Z = dot(W1, X, rng) + b1 if rng.integers(2) else dot(W1, X, rng, start=b1)
    nonlinear = name == "two_layer_nonlinear"
    A = sigmoid(Z) if nonlinear else Z
    dy_hat = scaled(residual(w2, A, b2, y, rng), m, rng)
    slope = A * (1 - A) if rng.integers(2) else A - A * A
    if nonlinear:
        dZ = [w2.T * dy_hat * slope, w2.T * (dy_hat * slope), (w2.T * slope) * dy_hat][rng.integers(3)]
    else:
        dZ = w2.T * dy_hat
    W1_, b1_ = dot(dZ, X.T, rng), dot(dZ, np.ones((m, 1), dZ.dtype), rng)
    if not nonlinear and rng.integers(2):  # w2 is constant along columns: scale the rows of the sums once
        W1_, b1_ = w2.T * dot(dy_hat, X.T, rng), w2.T * total(dy_hat, rng)
    elif nonlinear and rng.integers(2):
        W1_, b1_ = w2.T * dot(dy_hat * slope, X.T, rng), w2.T * dot(dy_hat * slope, np.ones((m, 1), dZ.dtype), rng)
    return {"W1": W1_, "b1": b1_, "w2": dot(dy_hat, A.T, rng), "b2": total(dy_hat, rng)}
