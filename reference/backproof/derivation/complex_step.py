"""The complex step: the derivative of an analytic loss from one evaluation, without cancellation.

f(x + i h v) = f(x) + i h f'(x) v - ..., so Im f / h is the derivative along v to rounding, for a tiny h
(Squire and Trapp, Using complex variables to estimate derivatives of real functions, SIAM Review 40(1), 1998).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

H = 2.0**-100


class Namespace:
    """NumPy, with an analytic sigmoid."""

    @staticmethod
    def sigmoid(z: Any) -> Any:
        return 1 / (1 + np.exp(-z))

    def __getattr__(self, name: str) -> Any:
        return getattr(np, name)


def along(loss: Callable[..., Any], arrays: Mapping[str, Any], direction: Mapping[str, Any]) -> float:
    """The derivative of `loss` at `arrays` along `direction`, in float64."""
    moved = {name: np.asarray(value, complex) + 1j * H * direction.get(name, 0) for name, value in arrays.items()}
    return float(np.imag(loss(Namespace(), tap=lambda name, value: value, **moved)) / H)
