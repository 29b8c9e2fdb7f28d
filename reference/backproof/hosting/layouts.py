"""How an array lies in memory. A layout does not survive the way to a backend's process, so it is made there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]


def _strided(array: Array) -> Array:
    """Every second element of a larger array."""
    large = np.zeros(tuple(2 * size for size in array.shape), array.dtype)
    view = large[(slice(None, None, 2),) * array.ndim + (...,)]
    view[...] = array
    return view


LAYOUTS: dict[str, Callable[[Array], Array]] = {
    "normal": lambda array: array,
    "strided": _strided,
    "transposed": lambda array: np.array(array, order="F"),
    "reversed": lambda array: np.asarray(np.flip(np.flip(array).copy())),
}
