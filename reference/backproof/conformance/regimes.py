"""Regimes: what the data of a cell is like. Every regime is a small departure from `normal`.

A regime that is named as a layout of `hosting.layouts` lays normal data out that way.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from backproof.hosting.layouts import LAYOUTS
from backproof.models.model import Dims, Model
from backproof.rounding.formats import Format

Array = np.ndarray[Any, Any]
Arrays = dict[str, Array]
Make = Callable[[Model, Dims, np.random.Generator, Format], Arrays]


@dataclass(frozen=True)
class Regime:
    """How to make the arrays (float64, rounded to the dtype later), and for which models.

    `magnitude` is the power of ten the data reaches: formats that cannot hold its square leave the regime out.
    """

    make: Make
    models: Callable[[Model], bool] = lambda model: True
    magnitude: int = 0

    def suits(self, model: Model, fmt: Format) -> bool:
        return self.models(model) and abs(self.magnitude) * 2 < np.log10(fmt.huge)


def normal(model: Model, dims: Dims, rng: np.random.Generator, fmt: Format) -> Arrays:
    """Standard normal data; weights scaled by 1/sqrt(fan-in), so that every layer's values are of order 1."""
    arrays = {name: rng.standard_normal(model.shape(name, dims)) for name in model.shapes}
    for name in model.params:
        fan_in = arrays[name].shape[-1] if arrays[name].ndim else 1
        arrays[name] = arrays[name] / np.sqrt(fan_in)
    return arrays


def _changed(change: Callable[[Model, Arrays, np.random.Generator, Format], Any]) -> Make:
    """`normal` with `change` made to its arrays."""

    def make(model: Model, dims: Dims, rng: np.random.Generator, fmt: Format) -> Arrays:
        arrays = normal(model, dims, rng, fmt)
        change(model, arrays, rng, fmt)
        return arrays

    return make


def _features(arrays: Arrays) -> Array:
    return arrays["X"] if "X" in arrays else arrays["x"]


def _output(model: Model, arrays: Arrays) -> Array:
    tapped: Arrays = {}
    model.loss(np, tap=tapped.setdefault, **arrays)
    return tapped["y_hat"]


def _saturate(model: Model, arrays: Arrays, rng: np.random.Generator, fmt: Format) -> None:
    """Hidden units from sigma(-750) to sigma(750): some saturated beyond every format, some not."""
    arrays["b1"] = np.linspace(-750, 750, arrays["b1"].size).reshape(arrays["b1"].shape)


def _near_optimum(residual: float) -> Make:
    def change(model: Model, arrays: Arrays, rng: np.random.Generator, fmt: Format) -> None:
        arrays.update({name: fmt.round(array) for name, array in arrays.items()})
        arrays["y"] = _output(model, arrays) + residual * rng.standard_normal(arrays["y"].shape)

    return _changed(change)


def _optimum(model: Model, arrays: Arrays, rng: np.random.Generator, fmt: Format) -> None:
    """Small multiples of 1/4, and W1 = b1 = 0 where a sigmoid follows: y_hat is exact in every format."""
    for name, array in arrays.items():
        arrays[name] = np.round(np.clip(array, -2, 2) * 4) / 4
    if not model.is_linear:
        arrays["W1"], arrays["b1"] = 0 * arrays["W1"], 0 * arrays["b1"]
    arrays["y"] = _output(model, arrays)


def _scale(names: str, exponent: int) -> Make:
    def change(model: Model, arrays: Arrays, rng: np.random.Generator, fmt: Format) -> None:
        for name in model.params if names == "W" else [n for n in arrays if n.upper() == names.upper()]:
            arrays[name] = arrays[name] * 10.0**exponent

    return _changed(change)


def _ill_conditioned(model: Model, arrays: Arrays, rng: np.random.Generator, fmt: Format) -> None:
    """Features that nearly agree: X has a condition number of about 1e4."""
    arrays["X"] = arrays["X"][:1] + 1e-4 * arrays["X"]


def _constant_feature(model: Model, arrays: Arrays, rng: np.random.Generator, fmt: Format) -> None:
    _features(arrays)[0] = 1


def _duplicated(model: Model, arrays: Arrays, rng: np.random.Generator, fmt: Format) -> None:
    for name in model.data:
        arrays[name] = arrays[name][:, np.arange(arrays[name].shape[1]) % 3]


def _subnormal(model: Model, arrays: Arrays, rng: np.random.Generator, fmt: Format) -> None:
    """Every second feature value and target below the smallest normal number."""
    for array in (_features(arrays), arrays["y"]):
        array[:, ::2] *= fmt.tiny / 8


def _poison(name: str, value: float) -> Make:
    def change(model: Model, arrays: Arrays, rng: np.random.Generator, fmt: Format) -> None:
        array = _features(arrays) if name == "X" else arrays[name]
        array[0, 1 % array.shape[1]] = value

    return _changed(change)


REGIMES = {
    "normal": Regime(normal),
    "saturated": Regime(_changed(_saturate), lambda model: not model.is_linear),
    "residual1e-2": Regime(_near_optimum(1e-2)),
    "residual1e-6": Regime(_near_optimum(1e-6)),
    "residual1e-12": Regime(_near_optimum(1e-12)),
    "optimum": Regime(_changed(_optimum)),
    **{
        f"{name}1e{exponent}": Regime(_scale(name, exponent), magnitude=exponent)
        for name in ("X", "y", "W")
        for exponent in (4, -4, 30, -30)
    },
    "W1e2": Regime(_scale("W", 2), magnitude=4),  # so large are the outputs of two layers
    "ill-conditioned": Regime(_changed(_ill_conditioned), lambda model: "X" in model.shapes),
    "constant-feature": Regime(_changed(_constant_feature), lambda model: "X" in model.shapes),
    "duplicated-examples": Regime(_changed(_duplicated)),
    "subnormal": Regime(_changed(_subnormal)),
    "nan": Regime(_poison("X", np.nan)),
    "inf": Regime(_poison("X", np.inf)),
    "inf-target": Regime(_poison("y", np.inf)),
    **{layout: Regime(normal) for layout in LAYOUTS if layout != "normal"},
}
