"""Gradient descent with any backend, watched by the reference loss; and random search beside it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from backproof.conformance.registry import Description
from backproof.conformance.worker import Evaluation, Failure, Task, Worker
from backproof.descent import least_squares
from backproof.descent.data import Data
from backproof.descent.parameters import draw, largest_curvature
from backproof.errors import InputError
from backproof.models.model import Arrays, Model

LOOKS = 60  # how often the loss is looked at, ever more seldom as it settles
STEP_SECONDS = 3600.0  # for the steps between two looks
TOLD = 100  # draws of random search between two words about it
REGRESSIONS = ("univariate", "multivariate")


@dataclass(frozen=True)
class Point:
    """The parameters after `step` steps, and their loss."""

    step: int
    loss: float
    params: Mapping[str, Any]


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
    return 2 / float(least_squares.curvatures(data.X)[-1]) if model.name in REGRESSIONS else None


def good_rate(model: Model, data: Data, params: Arrays) -> float:
    """1 / lambda_max for the regressions (the loss falls at every step); half of that at the start for the networks,
    whose curvature grows on the way."""
    stable = largest_stable_rate(model, data)
    return stable / 2 if stable else 0.5 / largest_curvature(model, params, arrays(model, data))


def descend(
    worker: Worker,
    backend: Description,
    model: Model,
    data: Data,
    steps: int,
    learning_rate: float | None = None,
    hidden: int = 8,
    seed: int = 0,
    watch: Callable[[int], None] = lambda step: None,
) -> Descent:
    """`steps` steps of gradient descent in float64 on the CPU, on the backend's first series, in its own process.

    `watch` is told how many steps were made since it was last told. Raises InputError where the descent
    diverges, or the backend does not answer with the model's parameters.
    """
    inputs = arrays(model, data)
    dims = {"n": data.X.shape[0], "m": data.X.shape[1], "k": hidden}
    params = draw(model, dims, np.random.default_rng(seed))
    model.check(params, inputs)
    rate = good_rate(model, data, params) if learning_rate is None else learning_rate
    task = Task(model.name, backend.series[0], "float64", "cpu", {}, learning_rate=rate)

    def point(step: int, values: Arrays) -> Point:
        return Point(step, float(model.loss(np, **values, **inputs)), values)

    path = [point(0, params)]
    for goal in np.unique(np.geomspace(1, steps, LOOKS).round().astype(int)).tolist():
        done, current = path[-1].step, path[-1].params
        answer = worker.run(replace(task, arrays={**inputs, **current}, steps=goal - done), STEP_SECONDS)
        values = moved(backend, answer, current)
        with np.errstate(over="ignore", invalid="ignore"):
            path.append(point(goal, values))
        watch(goal - done)
        if not path[-1].loss <= 1e3 * path[0].loss:
            raise _diverged(backend, model, data, rate, path[-1])
    return Descent(model, inputs, rate, tuple(path))


def moved(backend: Description, answer: Evaluation | Failure, params: Arrays) -> dict[str, Any]:
    """The parameters that a backend answered, of the names and shapes they had. Raises InputError for anything else."""
    if isinstance(answer, Failure):
        raise InputError(f"backend {backend.name} cannot descend: {answer.reason}")
    shapes = {name: values.shape for name, (values, _) in answer.tensors.items()}
    wanted = {name: np.shape(value) for name, value in params.items()}
    if shapes != wanted:
        raise InputError(f"backend {backend.name} descends to {shapes}; it must give the parameters {wanted}")
    return {name: np.asarray(values, np.float64) for name, (values, _) in answer.tensors.items()}


def _diverged(backend: Description, model: Model, data: Data, rate: float, end: Point) -> InputError:
    stable = largest_stable_rate(model, data)
    said = f"the descent diverges (loss {end.loss:.3g} at step {end.step})"
    if stable and rate < stable:
        return InputError(
            f"{said}, though learning rate {rate:.4g} is below 2/lambda_max = {stable:.4g}: "
            f"the fault is the backend's; run backproof conform --backend {backend.spec}"
        )
    why = (
        f"it must be below 2/lambda_max = {stable:.4g} here; {stable / 2:.4g} is a good choice"
        if stable
        else f"try {rate / 4:.3g}"
    )
    return InputError(f"{said}: learning rate {rate:.4g} is too large; {why}")


def random_search(
    model: Model,
    dims: Mapping[str, int],
    inputs: Arrays,
    evaluations: int,
    seed: int,
    watch: Callable[[int], None] = lambda draws: None,
) -> float:
    """The least loss of `evaluations` parameters, each drawn as a descent's start is. `watch` is told of the draws."""
    rng, least = np.random.default_rng(seed), np.inf
    for number in range(evaluations):
        least = min(least, float(model.loss(np, **draw(model, dims, rng), **inputs)))
        if number % TOLD == TOLD - 1:
            watch(TOLD)
    return least
