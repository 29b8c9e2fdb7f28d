"""What is descended on: a model and data, a start, a learning rate; and the path that a descent takes from there."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from backproof.core.errors import InputError
from backproof.descent import least_squares
from backproof.descent.data import Data, digest
from backproof.descent.parameters import draw, largest_curvature
from backproof.models.model import Arrays, Model


@dataclass(frozen=True)
class Point:
    """The parameters after `step` steps, and their loss."""

    step: int
    loss: float
    params: Mapping[str, Any]


@dataclass(frozen=True)
class Problem:
    """What is descended on: a model, data under its names, where to start and how far a step goes."""

    model: Model
    source: str
    dims: Mapping[str, int]
    inputs: Mapping[str, Any]
    start: Mapping[str, Any]
    learning_rate: float
    stable: float | None  # 2 / lambda_max of the Hessian, where it is known
    fingerprint: str  # of the data

    @property
    def streamed(self) -> bool:
        """Whether the data is read tile by tile, rather than arrays in memory."""
        return not all(isinstance(array, np.ndarray) for array in self.inputs.values())


@dataclass(frozen=True)
class Descent:
    """A finished descent: the points looked at, the first being the start."""

    model: Model
    data: Mapping[str, Any]
    learning_rate: float
    path: tuple[Point, ...]

    @property
    def end(self) -> Point:
        return self.path[-1]


def arrays(model: Model, data: Data) -> dict[str, Any]:
    """The data under the model's names. Raises InputError where the model takes one feature and there are more."""
    if "x" in model.shapes and data.X.shape[0] != 1:
        raise InputError(
            f"{model.name} takes one feature, and {data.source} has {data.X.shape[0]}: "
            f"{', '.join(data.features[:12])}; choose one with --feature"
        )
    return {"x" if "x" in model.shapes else "X": data.X, "y": data.y}


def largest_stable_rate(model: Model, data: Data) -> float | None:
    """2 / lambda_max of the Hessian, beyond which descent diverges; known for the regressions: quadratic losses."""
    return 2 / float(least_squares.curvatures(data.X)[-1]) if model.is_regression else None


def good_rate(model: Model, data: Data, params: Arrays) -> float:
    """1 / lambda_max for the regressions (the loss falls at every step); half of that at the start for the networks,
    whose curvature grows on the way."""
    stable = largest_stable_rate(model, data)
    return stable / 2 if stable else 0.5 / largest_curvature(model, params, arrays(model, data))


def prepare(model: Model, data: Data, learning_rate: float | None = None, hidden: int = 8, seed: int = 0) -> Problem:
    """The problem of `data`, with a start drawn by `seed` and, if none is given, a good learning rate."""
    inputs = arrays(model, data)
    dims = {"n": data.X.shape[0], "m": data.X.shape[1], "k": hidden}
    start = draw(model, dims, np.random.default_rng(seed))
    model.check(start, inputs)
    rate = good_rate(model, data, start) if learning_rate is None else learning_rate
    return Problem(model, data.source, dims, inputs, start, rate, largest_stable_rate(model, data), digest(inputs))
