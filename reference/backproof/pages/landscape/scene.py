"""All that a picture of a descent shows, computed: the plane, the loss over it, paths, samples, the optimum."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from backproof.descent import least_squares
from backproof.descent.data import Data
from backproof.descent.parameters import draw
from backproof.descent.problem import Descent, Problem
from backproof.models.model import Arrays
from backproof.pages.landscape.plane import Plane, plane
from backproof.pages.landscape.rates import Trial

Floats = np.ndarray[Any, np.dtype[np.float64]]

GRID = 61  # points a side
SAMPLES = 200  # of random search: its first draws
MARGIN = 0.12  # of the frame, around what it must hold


@dataclass(frozen=True)
class Scene:
    """`losses` (len(v), len(u)) over the plane's coordinates `u` and `v`; paths, samples and optimum as (., 2) of them.

    What lies off the plane is shown where it is projected to; its own loss is in `descent` and `trials`.
    """

    descent: Descent
    plane: Plane
    backend: str
    u: Floats
    v: Floats
    losses: Floats
    path: Floats
    samples: Floats
    sample_losses: Floats
    optimum: Floats | None  # where it is known: the regressions'
    least: float | None  # the least possible loss, where it is known: of the linear models
    trials: tuple[Trial, ...]
    trial_paths: tuple[Floats, ...]


def scene(
    problem: Problem,
    data: Data,
    descent: Descent,
    backend: str,
    trials: tuple[Trial, ...],
    chosen: str | None,
    seed: int,
    watch: Callable[[int], None] = lambda rows: None,
) -> Scene:
    """What to draw of a descent, on the plane `chosen` (see `plane`). `watch` is told of every row of the grid's."""
    model = descent.model
    optimum, least = _optimum(descent, data)
    there = plane(model, [point.params for point in descent.path], chosen, optimum)
    path = _projected(there, [point.params for point in descent.path])
    u, v = _frame(path, path[-1] if optimum is None else there.coordinates(optimum))
    losses = np.empty((GRID, GRID))
    with np.errstate(over="ignore", invalid="ignore"):
        for i, height in enumerate(v):
            losses[i] = [there.loss(along, height, descent.data) for along in u]
            watch(1)
    rng = np.random.default_rng(seed)
    draws = [draw(model, problem.dims, rng) for _ in range(SAMPLES)]
    return Scene(
        descent, there, backend, u, v, losses, path,
        samples=_projected(there, draws),
        sample_losses=np.array([float(model.loss(np, **params, **descent.data)) for params in draws]),
        optimum=None if optimum is None else there.coordinates(optimum),
        least=least,
        trials=trials,
        trial_paths=tuple(_projected(there, [point.params for point in trial.path]) for trial in trials),
    )  # fmt: skip


def _projected(there: Plane, path: Sequence[Arrays]) -> Floats:
    return np.array([there.coordinates(params) for params in path])


def _optimum(descent: Descent, data: Data) -> tuple[dict[str, Any] | None, float | None]:
    """The parameters where the loss is least, and that loss, by least squares. The linear network reaches that loss at
    many places; for the sigmoid network neither is known."""
    if not descent.model.is_linear:
        return None, None
    w, b, least = least_squares.fit(data.X, data.y)
    if not descent.model.is_regression:
        return None, least
    start = descent.path[0].params
    return {"w": w.reshape(np.shape(start["w"])), "b": np.asarray(b)}, least


def _frame(path: Floats, goal: Floats) -> tuple[Floats, Floats]:
    """Coordinates along both axes: the path in view, and as much beyond its goal as before it."""
    held = np.vstack([path, 2 * goal - path])
    low, high = held.min(axis=0), held.max(axis=0)
    size = max(float((high - low).max()), 1e-3)  # one scale on both: a gradient is at right angles to its contour
    middle = (low + high) / 2
    low, high = middle - (0.5 + MARGIN) * size, middle + (0.5 + MARGIN) * size
    return np.linspace(low[0], high[0], GRID), np.linspace(low[1], high[1], GRID)
