"""What a user's process may answer. It runs another's code, so every answer is looked at before it is used."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from backproof.graph.functions import FUNCTIONS
from backproof.truth.exact import Exact

OPERATIONS = frozenset(name for name in vars(Exact) if not name.startswith("_")) - {"function"} | FUNCTIONS.keys()
_INTEGERS = ("int64", "int32")
ATTRIBUTES: dict[str, Callable[[Any], bool]] = {
    "value": lambda value: isinstance(value, np.ndarray) and value.dtype.kind in "biuf",
    "positions": lambda value: isinstance(value, np.ndarray) and value.dtype.name in _INTEGERS,
    "axes": lambda value: _are_integers(value),
    "axis": lambda value: _is_integer(value),
    "exponent": lambda value: _is_integer(value) or isinstance(value, float),
    "name": lambda value: isinstance(value, str),
    "active": lambda value: value is True,
}


def well_formed(request: str, answer: Any) -> bool:
    """Whether an answer is of the form that `child.Program` gives to this request."""
    return FORMS[request](answer) if request in FORMS else True


def _is_description(said: Any) -> bool:
    """Name, shapes, params and source of a file, as `file.load` checked them there."""
    if not (isinstance(said, dict) and said.keys() == {"name", "shapes", "params", "source"}):
        return False
    shapes, params = said["shapes"], said["params"]
    return (
        isinstance(said["name"], str)
        and isinstance(said["source"], str)
        and isinstance(shapes, dict)
        and all(isinstance(axes, str) for axes in shapes.values())
        and isinstance(params, tuple)
        and all(isinstance(name, str) and name in shapes for name in params)
    )


def _is_trace(said: Any) -> bool:
    """Rows of `traversal.flatten`, arguments first, and places among them."""
    if not (isinstance(said, tuple) and len(said) == 4 and isinstance(said[0], list)):
        return False
    rows, loss, inputs, taps = said
    places = [loss, *(p for named in (inputs, taps) if isinstance(named, dict) for p in named.values())]
    return (
        isinstance(inputs, dict)
        and isinstance(taps, dict)
        and all(_is_place(place, len(rows)) for place in places)
        and all(_is_row(row, number) for number, row in enumerate(rows))
    )


def _is_arrays(said: Any) -> bool:
    """Arrays of float64 by name."""
    return isinstance(said, dict) and all(
        isinstance(a, np.ndarray) and a.dtype.name == "float64" for a in said.values()
    )


def _is_gradients(said: Any) -> bool:
    """By name an array of numbers, or None for what is none, and the name of its dtype."""
    return isinstance(said, dict) and all(
        isinstance(pair, tuple)
        and len(pair) == 2
        and (pair[0] is None or isinstance(pair[0], np.ndarray))
        and isinstance(pair[1], str)
        for pair in said.values()
    )


def _is_exact(said: Any) -> bool:
    """By name an array, and for each component None or four integers: a ball's midpoint and radius."""
    return isinstance(said, dict) and all(
        isinstance(pair, tuple)
        and len(pair) == 2
        and isinstance(pair[0], np.ndarray)
        and isinstance(pair[1], tuple)
        and len(pair[1]) == pair[0].size
        and all(n is None or (_are_integers(n) and len(n) == 4) for n in pair[1])
        for pair in said.values()
    )


def _is_row(row: Any, number: int) -> bool:
    if not (isinstance(row, tuple) and len(row) == 5):
        return False
    operation, places, shape, attributes, span = row
    return (
        operation in OPERATIONS
        and isinstance(places, tuple)
        and all(_is_place(place, number) for place in places)
        and _are_integers(shape)
        and isinstance(attributes, dict)
        and all(name in ATTRIBUTES and ATTRIBUTES[name](value) for name, value in attributes.items())
        and (span is None or (_are_integers(span) and len(span) == 4))
    )


def _is_place(place: Any, below: int) -> bool:
    return _is_integer(place) and 0 <= place < below


def _is_integer(value: Any) -> bool:
    return type(value) is int


def _are_integers(values: Any) -> bool:
    return isinstance(values, tuple) and all(map(_is_integer, values))


FORMS: dict[str, Callable[[Any], bool]] = {
    "load": _is_description,
    "trace": _is_trace,
    "draw": _is_arrays,
    "sampled": lambda said: isinstance(said, list) and all(isinstance(name, str) for name in said),
    "gradients": _is_gradients,
    "run": _is_gradients,
    "exact": _is_exact,
    "complex step": lambda said: isinstance(said, float),
}
