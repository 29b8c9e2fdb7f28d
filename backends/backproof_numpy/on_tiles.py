"""The model files' own functions on a tile of columns; `m` is the number of examples of the whole batch."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from backproof.models import multivariate, two_layer_linear, univariate

Arrays = Mapping[str, Any]
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


class Equations:
    """The sums of one thread over its tiles (`tiles.Sums`)."""

    def __init__(self, model: str) -> None:
        self.equations = EQUATIONS[model]

    def start(self, params: Arrays, m: int) -> None:
        self.params, self.m, self.sums = params, m, dict[str, Any]()

    def add(self, data: Arrays, start: int, stop: int) -> None:
        part = self.equations(self.params, {name: array[:, start:stop] for name, array in data.items()}, self.m)
        self.sums = {name: self.sums[name] + dp for name, dp in part.items()} if self.sums else part
