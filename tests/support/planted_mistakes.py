"""Mistakes that are not a lack of precision, of about the size of one: a series each, in float64 and float32 alike.

`small` is what a constant is off by: a mistake's size is that of float32's, TF32's or bfloat16's errors.
"""

import numpy as np

from backproof_numpy.backend import NumpyBackend


class Kernels:
    """Right equations of replaceable kernels; `small` is in the dtype computed in."""

    small = 2e-3

    def product(self, a, b):
        return a @ b

    def sigmoid(self, Z):
        return 1 / (1 + np.exp(-Z))

    def slope(self, Z, A):
        return A * (1 - A)

    def output(self, y_hat):
        return y_hat

    def residual(self, y_hat, y):
        return y_hat - y

    def row_sum(self, D):
        return D.sum(axis=1, keepdims=True)

    def data(self, X, y):
        return X, y

    def gradients(self, params, g):
        return g

    def evaluate(self, name, p, data):
        X, y = self.data(data["x"] if name == "univariate" else data["X"], data["y"])
        of = y.dtype.type
        if name in ("univariate", "multivariate"):
            w = p["w"].reshape(1, -1)
            y_hat = self.output(self.product(w, X) + p["b"])
            r = self.residual(y_hat, y)
            d = 2 * r / of(y.shape[1])
            g = {"w": self.product(d, X.T).reshape(p["w"].shape), "b": self.row_sum(d).reshape(())}
        else:
            Z = self.product(p["W1"], X) + p["b1"]
            nonlinear = name == "two_layer_nonlinear"
            A = self.sigmoid(Z) if nonlinear else Z
            y_hat = self.output(self.product(p["w2"], A) + p["b2"])
            r = self.residual(y_hat, y)
            d = 2 * r / of(y.shape[1])
            dZ = self.product(p["w2"].T, d) * (self.slope(Z, A) if nonlinear else of(1))
            g = {"W1": self.product(dZ, X.T), "b1": self.row_sum(dZ), "w2": self.product(d, A.T)}
            g["b2"] = self.row_sum(d).reshape(())
        return np.mean(r * r), y_hat, {key: np.asarray(v, y.dtype) for key, v in self.gradients(p, g).items()}


MISTAKES = {}


def mistake(*sizes):
    """Registers a class of kernels, once for each of its sizes."""

    def register(cls):
        for size in sizes or (None,):
            name = cls.__name__ + ("" if size is None else f"-{size:g}")
            MISTAKES[name] = type(name, (cls,), {} if size is None else {"small": size})()
        return cls

    return register


@mistake()
class DropsLastTerm(Kernels):
    """The last of many inner terms is left out."""

    def product(self, a, b):
        return a[:, :-1] @ b[:-1] if a.shape[1] in (137, 1031, 67) else a @ b


@mistake()
class DropsTail(Kernels):
    """Whole tiles of 32 only, where their number is even."""

    def product(self, a, b):
        tiles = a.shape[1] // 32
        return a[:, : 32 * tiles] @ b[: 32 * tiles] if tiles and tiles % 2 == 0 else a @ b


@mistake(1e-2, 1e-3, 1e-5, 1e-7)
class SteepSigmoid(Kernels):
    def sigmoid(self, Z):
        return 1 / (1 + np.exp(-Z * Z.dtype.type(1 + self.small)))


@mistake(1e-2, 1e-4, 1e-7)
class Shifted(Kernels):
    """A bias added twice, if small."""

    def sigmoid(self, Z):
        return super().sigmoid(Z + Z.dtype.type(self.small))


@mistake(1e-3, 1e-5, 1e-8)
class Eps(Kernels):
    def sigmoid(self, Z):
        return 1 / (1 + np.exp(-Z) + Z.dtype.type(self.small))


@mistake()
class StaleByShape(Kernels):
    """Activations are kept by their shape, and the first of a shape serve all."""

    def __init__(self):
        self.kept = {}

    def sigmoid(self, Z):
        return self.kept.setdefault((Z.shape, Z.dtype.name), super().sigmoid(Z))


@mistake(1e-1, 1e-3, 1e-6)
class Averaged(StaleByShape):
    """Activations drift: those of the call before have a share in them."""

    def sigmoid(self, Z):
        A, key = super(StaleByShape, self).sigmoid(Z), (Z.shape, Z.dtype.name)
        A = A + Z.dtype.type(self.small) * (self.kept.get(key, A) - A)
        self.kept[key] = A
        return A


@mistake()
class Pade(Kernels):
    """tanh by a Pade approximant."""

    def sigmoid(self, Z):
        x = np.clip(Z / 2, -3, 3)
        return Z.dtype.type(0.5) * (1 + x * (27 + x * x) / (27 + 9 * x * x))


@mistake()
class LongerPade(Kernels):
    def sigmoid(self, Z):
        s = (Z / 2) ** 2
        t = Z / 2 * (10395 + s * (1260 + s * 21)) / (10395 + s * (4725 + s * (210 + s)))
        return (1 + t) / 2


@mistake()
class HardSigmoid(Kernels):
    def sigmoid(self, Z):
        return np.clip(Z / 4 + Z.dtype.type(0.5), 0, 1)


@mistake()
class Table(Kernels):
    """Linear between the values of a table of 512."""

    def sigmoid(self, Z):
        at = np.linspace(-16, 16, 512)
        return np.interp(Z, at, 1 / (1 + np.exp(-at))).astype(Z.dtype)


@mistake(6, 10)
class ShortSeries(Kernels):
    """exp by the first terms of its series, its argument halved until it is small."""

    def sigmoid(self, Z):
        x, term, total = -Z / 8, np.ones_like(Z), np.ones_like(Z)
        for i in range(1, int(self.small)):
            term = term * x / i
            total = total + term
        return 1 / (1 + total**8)


@mistake(1e-2, 1e-4, 1e-7)
class WrongSlope(Kernels):
    def slope(self, Z, A):
        return A * (1 - A) + Z.dtype.type(self.small)


@mistake(1e-3)
class LeaksASample(Kernels):
    """The first example has a share in the last."""

    def data(self, X, y):
        X = X.copy()
        X[:, -1] += X.dtype.type(self.small) * X[:, 0]
        return X, y


@mistake(1e-2, 1e-4, 1e-7)
class MixesExamples(Kernels):
    """A share of each example's neighbour: nothing where all are the same."""

    def data(self, X, y):
        return X + X.dtype.type(self.small) * (np.roll(X, 1, axis=1) - X), y


@mistake(1e-2, 1e-4, 1e-7)
class LabelSmoothing(Kernels):
    def data(self, X, y):
        return X, y * y.dtype.type(1 - self.small)


@mistake()
class DropoutLeftOn(Kernels):
    def sigmoid(self, Z):
        A = super().sigmoid(Z)
        keep = np.random.default_rng(Z.size).random(Z.shape) > 0.01
        return A * keep / Z.dtype.type(0.99)


@mistake(1e-2, 1e-4, 1e-7)
class WeightDecay(Kernels):
    def gradients(self, params, g):
        return {name: v + v.dtype.type(self.small) * params[name] for name, v in g.items()}


@mistake(1e-2, 1e-4, 1e-7)
class Typo(Kernels):
    """A constant with a wrong digit: 2.002 for 2."""

    def residual(self, y_hat, y):
        return (y_hat - y) * y.dtype.type(1 + self.small)


@mistake()
class LessOne(Kernels):
    """A mean over m - 1."""

    def residual(self, y_hat, y):
        m = y.shape[1]
        return (y_hat - y) * y.dtype.type(m / max(m - 1, 1))


@mistake(3, 5)
class RoundedMean(Kernels):
    """1 / m with few decimals."""

    def residual(self, y_hat, y):
        m = y.shape[1]
        return (y_hat - y) * y.dtype.type(round(1 / m, int(self.small)) * m)


@mistake(1e-2, 1e-4)
class LeakyOutput(Kernels):
    def output(self, y_hat):
        return np.where(y_hat > 0, y_hat, y_hat * y_hat.dtype.type(1 - self.small))


@mistake(1e-2, 1e-5)
class Standardised(Kernels):
    """Features are divided by a scale that is nearly one."""

    def data(self, X, y):
        return X / np.sqrt(1 + X.dtype.type(self.small)), y


@mistake(1e-2, 1e-4, 1e-7)
class Noise(Kernels):
    def product(self, a, b):
        rng = np.random.default_rng(a.shape[1])
        c = a @ b
        return c * (1 + c.dtype.type(self.small) * rng.standard_normal(c.shape).astype(c.dtype))


@mistake(1e-2, 1e-4)
class TwiceCounted(Kernels):
    """The first example has a little more weight."""

    def row_sum(self, D):
        return D.sum(axis=1, keepdims=True) + D.dtype.type(self.small) * D[:, :1]


@mistake()
class FewDecimals(Kernels):
    """Gradients of three decimals."""

    def gradients(self, params, g):
        return {name: np.round(v, 3) for name, v in g.items()}


@mistake()
class FixedPoint(Kernels):
    """Products on a grid of 2^-12, in fixed point."""

    def product(self, a, b):
        return np.round((a @ b) * 4096) / a.dtype.type(4096)


@mistake()
class Clipped(Kernels):
    """The sigmoid's argument is kept within 3."""

    def sigmoid(self, Z):
        return super().sigmoid(np.clip(Z, -3, 3))


@mistake(2e-3)
class OneComponent(Kernels):
    def gradients(self, params, g):
        for v in g.values():
            v.flat[0] *= v.dtype.type(1 + self.small)
        return g


@mistake()
class FastReciprocal(Kernels):
    """One step of Newton's from a linear guess for 1 / x."""

    def sigmoid(self, Z):
        x = 1 + np.exp(-Z)
        fraction, exponent = np.frexp(x)
        guess = Z.dtype.type(48 / 17) - Z.dtype.type(32 / 17) * fraction
        for _ in range(2):
            guess = guess * (2 - fraction * guess)
        return np.ldexp(guess, -exponent).astype(Z.dtype)


@mistake()
class SlopeInFloat32(Kernels):
    """One factor of the backward pass in float32, or in float16."""

    def slope(self, Z, A):
        narrow = A.astype("float32" if A.dtype == np.float64 else "float16")
        return (narrow * (1 - narrow)).astype(A.dtype)


class Mistaken(NumpyBackend):
    name = "mistaken"
    dtypes = ("float64", "float32")
    series = tuple(MISTAKES)
    derivations = {}  # noqa: RUF012

    def evaluate(self, model, series, params, data):
        with np.errstate(all="ignore"):
            return MISTAKES[series].evaluate(model.name, params, data)

    def descend(self, model, series, params, data, learning_rate, steps):
        for _ in range(steps):
            gradients = self.evaluate(model, series, params, data)[2]
            params = {name: p - learning_rate * gradients[name] for name, p in params.items()}
        return params
