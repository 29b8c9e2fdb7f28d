"""The namespace of a loss in NumPy: of real arrays, and of complex ones for the complex step."""

import numpy as np


class Real:
    """NumPy's own functions under the array API's names."""

    @staticmethod
    def sigmoid(z):
        return 1 / (1 + np.exp(-z))

    def __getattr__(self, name):
        return getattr(np, name)


def _analytic(relation):
    return staticmethod(lambda a, b: relation(np.real(a), np.real(b)))


class Complex(Real):
    """Analytic where they are smooth: NumPy's `var` and `vecdot` conjugate, its `abs` is a modulus."""

    greater, greater_equal, less, less_equal, equal, not_equal = map(
        _analytic, (np.greater, np.greater_equal, np.less, np.less_equal, np.equal, np.not_equal)
    )

    @staticmethod
    def abs(x):
        return np.where(np.real(x) < 0, -x, x)

    @staticmethod
    def logaddexp(a, b):
        return np.log(np.exp(a) + np.exp(b))

    @staticmethod
    def vecdot(a, b, axis=-1):
        return np.sum(a * b, axis=axis)

    @staticmethod
    def var(x, axis=None, correction=0, keepdims=False):
        deviations = x - np.mean(x, axis=axis, keepdims=True)
        terms = x.size // max(np.sum(x, axis=axis).size, 1)
        return np.sum(deviations**2, axis=axis, keepdims=keepdims) / (terms - correction)

    def std(self, x, **options):
        return np.sqrt(self.var(x, **options))

    @staticmethod
    def clip(x, min=None, max=None):  # noqa: A002
        raised = x if min is None else np.maximum(x, min)
        return raised if max is None else np.minimum(raised, max)

    @staticmethod
    def astype(x, dtype):
        return x


def value(expression, arrays):
    """What NumPy makes of an expression; None where that is an error or not a number."""
    try:
        with np.errstate(all="ignore"):
            made = np.asarray(expression(Real(), *arrays), float)
    except (ValueError, IndexError, TypeError):  # AxisError is two of them; TypeError is `tril`'s, of a scalar
        return None
    return made if np.isfinite(made).all() else None


def gradients(loss, arrays):
    """d loss / d array for each of the arrays, by the complex step, component by component."""
    slopes = []
    for place, array in enumerate(arrays):
        slope = np.zeros(array.shape)
        for index in np.ndindex(array.shape):
            moved = [np.array(a, complex) for a in arrays]
            moved[place][index] += 2.0**-100 * 1j
            with np.errstate(all="ignore"):
                slope[index] = np.imag(loss(Complex(), *moved)) * 2.0**100
        slopes.append(slope)
    return slopes
