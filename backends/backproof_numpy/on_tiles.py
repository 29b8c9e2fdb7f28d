"""The model files' own functions on a tile of columns; `m` is the number of examples of the whole batch."""

from typing import Any

import numpy as np

from backproof.models import multivariate, two_layer_linear, univariate

ONE = np.ones((1, 1), np.float16)  # promotes to any dtype


def _univariate(params, data, m):
    y_hat = univariate.forward(data["x"], **params)
    return univariate.backward(**data, y_hat=y_hat, m=m)


def _multivariate(params, data, m):
    y_hat = multivariate.forward(data["X"], **params)
    return multivariate.backward(**data, y_hat=y_hat, m=m)


def _two_layer_linear(params, data, m):
    y_hat, Z = two_layer_linear.forward(data["X"], **params)
    return two_layer_linear.backward(**data, w2=ONE, y_hat=y_hat, Z=Z, m=m)  # w2 follows: `tiles._finished`


EQUATIONS: dict[str, Any] = {
    "univariate": _univariate,
    "multivariate": _multivariate,
    "two_layer_linear": _two_layer_linear,
}
