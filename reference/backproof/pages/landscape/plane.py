"""A plane through a model's parameters: two of them, or the two directions in which a descent moves most."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from backproof.core.errors import InputError
from backproof.descent.parameters import pack, unpack
from backproof.models.model import Arrays, Model

Floats = np.ndarray[Any, np.dtype[np.float64]]

PCA = "pca"


@dataclass(frozen=True)
class Plane:
    """The points origin + u * axes[0] + v * axes[1] of the parameters' space.

    `origin` is (P,), `axes` (2, P), orthonormal; `like` are parameters of the shapes that vectors unpack to. `whole`
    says that the plane is the space itself: nothing is left out by projecting on it.
    """

    model: Model
    like: Arrays
    origin: Floats
    axes: Floats
    labels: tuple[str, str]

    @property
    def whole(self) -> bool:
        return self.origin.size == 2

    def coordinates(self, params: Arrays) -> Floats:
        """(u, v) of the point of the plane that is nearest to `params`."""
        return self.axes @ (pack(self.model, params) - self.origin)

    def params(self, u: float, v: float) -> dict[str, Any]:
        """The parameters at a point of the plane."""
        return unpack(self.model, self.origin + u * self.axes[0] + v * self.axes[1], self.like)

    def loss(self, u: float, v: float, data: Arrays) -> float:
        """The loss at a point of the plane."""
        return float(self.model.loss(np, **self.params(u, v), **data))


def plane(model: Model, path: Sequence[Arrays], chosen: str | None, through: Arrays | None = None) -> Plane:
    """The plane `chosen`: "pca" (of `path`), or two parameters as in "W1[0,0],b2"; by default the parameters
    themselves where there are two, and "pca" otherwise. It goes through the parameters `through`, or the end of the
    path. Raises InputError."""
    like = path[-1] if through is None else through
    end = pack(model, like)
    names = components(model, like)
    if chosen == PCA or (chosen is None and len(names) > 2):
        return _principal(model, path, like)
    pair = _pair(model, names, chosen) if chosen is not None else (0, 1)
    axes = np.zeros((2, end.size))
    axes[[0, 1], pair] = 1
    # along its own axes a plane is read in the parameters' own values: its origin has them at zero
    origin = np.where(axes.any(axis=0), 0.0, end)
    return Plane(model, like, origin, axes, (names[pair[0]], names[pair[1]]))


def components(model: Model, params: Arrays) -> list[str]:
    """The names of all components, in the order of `pack`: "b", "W1[0,0]", ..."""
    names = []
    for name in model.params:
        shape = np.shape(params[name])
        names += [name + (f"[{','.join(map(str, index))}]" if shape else "") for index in np.ndindex(shape)]
    return names


def _pair(model: Model, names: Sequence[str], chosen: str) -> tuple[int, int]:
    pair = [part.replace(" ", "") for part in re.split(r",(?![^\[]*\])", chosen)]
    if len(pair) != 2 or pair[0] == pair[1]:
        raise InputError(f"--plane {chosen}: it takes {PCA!r}, or two parameters such as {names[0]},{names[-1]}")
    for part in pair:
        if part not in names:
            own = [name for name in names if name.partition("[")[0] == part.partition("[")[0]]
            there = f"{own[0]} to {own[-1]}" if own else f"{', '.join(model.params)}"
            raise InputError(f"--plane {chosen}: {model.name} has no component {part} here; there is {there}")
    return names.index(pair[0]), names.index(pair[1])


def _principal(model: Model, path: Sequence[Arrays], goal: Arrays) -> Plane:
    """The two directions in which the points of `path` lie farthest from the goal, each pointing from the start to it.

    A path that is straight (or stays) has a first direction only (or none); the second is then any other.
    """
    points = np.array([pack(model, params) for params in path])
    origin = pack(model, goal)
    away = points - origin
    _, sizes, axes = np.linalg.svd(np.vstack([away, np.zeros_like(away[:1])]), full_matrices=False)
    kept = [axis for axis, size in zip(axes[:2], sizes[:2], strict=True) if size > 1e-12 * max(sizes[0], 1e-300)]
    rng = np.random.default_rng(0)
    while len(kept) < 2:
        other = rng.standard_normal(points.shape[1])
        other -= sum((axis @ other) * axis for axis in kept)
        kept.append(other / np.linalg.norm(other))
    along = -(away[0] @ np.array(kept).T)
    signed = np.array(kept) * np.where(along < 0, -1, 1)[:, None]
    share = sizes[:2] ** 2 / max(float((sizes**2).sum()), 1e-300)
    labels = [f"principal direction {i + 1} ({100 * s:.0f}% of the way)" for i, s in enumerate((*share, 0.0)[:2])]
    return Plane(model, goal, origin, signed, (labels[0], labels[1]))
