"""A model's parameters as one vector, and the curvature of its loss there."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from backproof.models.model import Arrays, Model

Floats = np.ndarray[Any, np.dtype[np.float64]]

STEP = 6e-6  # of central differences: the cube root of the unit roundoff balances their two errors


def pack(model: Model, params: Arrays) -> Floats:
    """The parameters, raveled in the model's order, as one vector (P,)."""
    return np.concatenate([np.ravel(params[name]) for name in model.params])


def unpack(model: Model, vector: Floats, like: Arrays) -> dict[str, Any]:
    """The vector's parts, shaped as in `like`."""
    sizes = [np.size(like[name]) for name in model.params]
    parts = np.split(vector, np.cumsum(sizes)[:-1])
    return {name: part.reshape(np.shape(like[name])) for name, part in zip(model.params, parts, strict=True)}


def draw(model: Model, dims: Mapping[str, int], rng: np.random.Generator) -> dict[str, Any]:
    """Random parameters, normal with variance 1 / fan-in: a start."""
    shapes = {name: model.shape(name, dims) for name in model.params}
    return {name: rng.standard_normal(shape) / np.sqrt((shape or (1,))[-1]) for name, shape in shapes.items()}


def hessian(model: Model, params: Arrays, data: Arrays) -> Floats:
    """The loss's Hessian (P, P) by central differences of the hand-derived gradient: an estimate, for step
    sizes and conditioning; no verdict rests on it."""
    theta = pack(model, params)
    slope = _slope(model, params, data)
    columns = [(slope(theta + STEP * e) - slope(theta - STEP * e)) / (2 * STEP) for e in np.eye(theta.size)]
    return np.array(columns)


def largest_curvature(model: Model, params: Arrays, data: Arrays, iterations: int = 50) -> float:
    """The Hessian's largest |eigenvalue| at `params`, by power iteration on differences of the gradient."""
    theta = pack(model, params)
    slope = _slope(model, params, data)
    v = np.random.default_rng(0).standard_normal(theta.size)
    norm = 1.0
    for _ in range(iterations):
        v = v / np.linalg.norm(v)
        v = (slope(theta + STEP * v) - slope(theta - STEP * v)) / (2 * STEP)
        norm = float(np.linalg.norm(v))
        if norm == 0:
            break
    return norm


def _slope(model: Model, params: Arrays, data: Arrays) -> Callable[[Floats], Floats]:
    return lambda theta: pack(model, model.gradients(**unpack(model, theta, params), **data))
