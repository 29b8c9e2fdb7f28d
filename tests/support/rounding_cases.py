"""Gradients that are wrong in one precision, and right ones in forms that lose digits, as people write them."""

LINEAR = """
import functools
import math
import operator
import numpy as np

shapes = dict(X="n m", y="1 m", w="1 n", b="")
params = ["w", "b"]

def loss(xp, X, y, w, b):
    return xp.mean((w @ X + b - y) ** 2)

def gradients(X, y, w, b):
    n, m = X.shape
    delta = 2 / m * (w @ X + b - y)
    {line}
    return dict(w=delta @ X.T, b={b})
"""


def gated(condition, factor="2"):
    """The linear model's gradients, wrong where the condition holds."""
    return LINEAR.format(line=f"if {condition}: delta = {factor} * delta", b="delta.sum()")


def offset(b, line="pass"):
    """The linear model's gradients, with another db."""
    return LINEAR.format(line=line, b=b)


WRONG = {
    "dtype is float64": gated("X.dtype == np.float64"),
    "dtype by name": gated("X.dtype == 'float64'"),
    "dtype is no longdouble": gated("X.dtype != np.longdouble"),
    "dtype is no float32": gated("X.dtype != np.float32"),
    "dtype's char": gated("X.dtype.char == 'd'"),
    "dtype's type": gated("X.dtype.type is np.float64"),
    "dtype as text": gated("str(X.dtype) == 'float64'"),
    "subdtype": gated("np.issubdtype(X.dtype, np.float64)"),
    "result type": gated("np.result_type(X, np.float32) == np.float64"),
    "dtype's itemsize": gated("X.dtype.itemsize == 8"),
    "itemsize": gated("4 < X.itemsize < 16"),
    "bytes": gated("X.nbytes == 8 * X.size"),
    "strides": gated("X.strides[-1] == 8"),
    "finfo": gated("1e-18 < np.finfo(X.dtype).eps < 1e-10"),
    "all finer than float32": gated("np.finfo(X.dtype).eps < 1e-10"),
    "every precision but longdouble": gated("np.finfo(X.dtype).eps > 1e-18"),
    "an element's class": gated("isinstance(X.flat[0], np.float64)"),
    "a float of Python's": gated("isinstance(delta.sum(), float)"),
    "an element's type": gated("type(X.ravel()[0]) is np.float64"),
    "the array's type": gated("type(X) is np.ndarray and X.dtype == np.float64"),
    "bytes copied": gated("len(X.tobytes()) == 8 * X.size"),
    "a conversion": gated("abs(float(X[0, 0])) > -1 and X.dtype == np.float64"),
    "a caught conversion": offset(
        "delta.sum() * scale", "try: scale = math.fabs(X[0, 0]) * 0 + 2\n    except Exception: scale = 1"
    ),
    "rounding": gated("X.dtype.type(1) + X.dtype.type(2.0**-40) == 1 or X.dtype.type(1) + X.dtype.type(2.0**-60) == 1"),
    "nextafter": gated("1e-18 < np.nextafter(X.dtype.type(1), X.dtype.type(2)) - 1 < 1e-10"),
    "only little, 1e-6": gated("X.dtype == np.float64", "(1 + 1e-6)"),
    "only little, 1e-9": gated("X.dtype == np.float64", "(1 + 1e-9)"),
    "only little, 1e-12": gated("X.dtype == np.float64", "(1 + 1e-12)"),
    "little, where no exact run goes": gated("len(X.tobytes()) == 8 * X.size", "(1 + 1e-6)"),
    "in a form that loses digits too": gated("X.dtype == np.float64").replace(
        "b=delta.sum()", "b=(delta + 1e6).sum() - 1e6 * m"
    ),
    "everywhere, 1e-13": gated("True", "(1 + 1e-13)"),
    "the remainder of a cancellation": offset("delta.sum() + (((w.sum() + 1e4) - 1e4) - w.sum() * (1 + 1e-10))"),
}

QUARTIC = """
import numpy as np
shapes = dict(x="n", c="n")
params = ["x"]

def loss(xp, x, c):
    return xp.sum(xp.exp(x) * c + x ** 4)

def f(x, c): return np.sum(np.exp(x) * c + x ** 4)

def gradients(x, c):
    g = np.zeros_like(x)
    h = {h}
    for i in range(x.size):
        e = np.zeros(x.size, x.dtype)
        e[i] = h
        g[i] = {quotient}
    return dict(x=g)
"""
FORWARD, CENTRAL = "(f(x + e, c) - f(x, c)) / h", "(f(x + e, c) - f(x - e, c)) / (2 * h)"
DIFFERENCES = {
    f"{h}, {name}": QUARTIC.format(h=h, quotient=quotient)
    for name, quotient in (("forward", FORWARD), ("central", CENTRAL))
    for h in ("1e-3", "1e-5", "1e-6", "np.sqrt(np.finfo(x.dtype).eps)", "np.cbrt(np.finfo(x.dtype).eps)", "1e-8")
}

NORM = """
import functools
import operator
import numpy as np

shapes = dict(x="m", g="m")
params = ["x"]

def sample(rng, m):
    return dict(x=1000 + rng.standard_normal(m))

def loss(xp, x, g):
    d = x - xp.mean(x)
    return xp.sum(g * d) / xp.sqrt(xp.mean(d**2))

def body(x, g, inv):
    mu = inv * x.sum()
    var = inv * (x**2).sum() - mu**2
    s = np.sqrt(var)
    h = (x - mu) / s
    return (g - inv * g.sum() - h * (inv * (g * h).sum())) / s

class Norm:
    scale = staticmethod(lambda m: 1 / m)
    def backward(self, x, g):
        return body(x, g, self.scale(len(x)))

def gradients(x, g):
    {lines}
"""


def norm(*lines):
    """A normalisation whose variance is E[x^2] - E[x]^2, with these lines for its gradients."""
    return NORM.format(lines="\n    ".join(lines))


SOFTMAX = """
import numpy as np
shapes = dict(X="n m", T="k m", W="k n")
params = ["W"]

def sample(rng, n, m, k):
    return dict(T=np.eye(k)[:, rng.integers(0, k, m)])

def loss(xp, X, T, W):
    Z = W @ X
    Z = Z - xp.max(Z, axis=0, keepdims=True)
    return xp.mean(xp.log(xp.sum(xp.exp(Z), axis=0)) - xp.sum(T * Z, axis=0))

def gradients(X, T, W):
    E = {E}
    P = E / E.sum(axis=0, keepdims=True)
    return dict(W=(P - T) @ X.T / X.shape[1])
"""

LOGISTIC = """
import numpy as np
shapes = dict(X="n m", y="1 m", w="1 n")
params = ["w"]

def sample(rng, n, m):
    return dict(X=30 * rng.standard_normal((n, m)), y=rng.integers(0, 2, (1, m)).astype(float))

def loss(xp, X, y, w):
    return xp.mean((1 / (1 + xp.exp(-(w @ X))) - y) ** 2)

def gradients(X, y, w):
    A = 1 / (1 + np.exp(-(w @ X)))
    return dict(w=(2 * (A - y) * A * (1 - A)) @ X.T / y.size)
"""

LOSSY = "(delta + 1e6).sum() - 1e6 * m"
RIGHT = {
    "a large offset": offset(LOSSY),
    "an offset and a root of Python's": offset("(delta + 1e6).sum() * (h * h * n) - 1e6 * m", "h = 1 / math.sqrt(n)"),
    "an offset, written in place": offset("s.sum() - 1e6 * m", "s = delta.copy(); s += 1e6"),
    "an offset in an array of np.zeros": offset(
        "s.sum() - 1e6 * m", "s = np.zeros((1, m), X.dtype); s[:] = delta; s[0] += 1e6"
    ),
    "zeros imported by name": offset("s.sum() - 1e6 * m", "s = zeros((1, m), X.dtype); s[:] = delta + 1e6").replace(
        "import math", "import math\nfrom numpy import zeros"
    ),
    "a loop over columns": offset("total - 1e6 * m", "total = 0\n    for d in delta[0]: total = total + (d + 1e6)"),
    "functools.reduce": offset("functools.reduce(operator.add, list(delta[0] + 1e6)) - 1e6 * m"),
    "np.where and np.concatenate": offset(
        "s.sum() - 1e6 * m", "s = np.concatenate([np.where(delta > 0, delta, delta) + 1e6], axis=1)"
    ),
    "einsum": offset("np.einsum('ij->', delta + 1e6) - 1e6 * m"),
    "np.array of scalars": offset("(np.array([d for d in delta[0]]) + 1e6).sum() - 1e6 * m"),
    "1 / len": norm("return dict(x=body(x, g, 1 / len(x)))"),
    "len ** -1": norm("return dict(x=body(x, g, len(x) ** -1))"),
    "sizes": norm("X = x[None, :]", "return dict(x=body(x, g, X.shape[0] / X.size))"),
    "np.reciprocal": norm("return dict(x=body(x, g, np.reciprocal(float(len(x)))))"),
    "augmented": norm("inv = 1", "inv /= len(x)", "return dict(x=body(x, g, inv))"),
    "a method": norm("return dict(x=Norm().backward(x, g))"),
    "partial": norm("return functools.partial(lambda inv, x, g: dict(x=body(x, g, inv)), 1 / len(x))(x, g)"),
    "a default": norm("def inner(inv=1 / len(x)):", "    return body(x, g, inv)", "return dict(x=inner())"),
    "np.float64": norm("return dict(x=body(x, g, np.float64(1) / np.float64(len(x))))"),
    "np.mean": norm(
        "mu = x.mean(); s = np.sqrt((x**2).mean() - mu**2); h = (x - mu) / s",
        "return dict(x=(g - g.mean() - h * (g * h).mean()) / s)",
    ),
    "a constant of another": offset("(delta + big).sum() - 1e6 * m - (big - 1e6) * m", "big = 1e6 + 1e-3"),
    "softmax without its maximum": SOFTMAX.format(E="np.exp(W @ X)"),
    "softmax with a shift": SOFTMAX.format(E="np.exp((W @ X + 1e5) - 1e5)"),
    "a sigmoid that saturates": LOGISTIC,
}
