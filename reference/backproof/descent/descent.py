"""Gradient descent in float64, by whoever makes the steps: a backend's own process, or ranks that share the columns."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from backproof.conformance.registry import Description
from backproof.conformance.worker import Evaluation, Failure, Task, Worker
from backproof.descent import least_squares
from backproof.descent.data import Data, digest
from backproof.descent.parameters import draw, largest_curvature
from backproof.errors import InputError
from backproof.models.model import Arrays, Model

if TYPE_CHECKING:
    from backproof.descent.checkpoint import Checkpoint

LOOKS = 60  # how often the loss is looked at, ever more seldom as it settles
LOOKS_PAST_MEMORY = 12  # where a look is a pass over data that is read anew
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


class Engine(Protocol):
    """Who makes the steps of one problem; `spec` is the backend's."""

    name: str
    spec: str

    def advance(self, params: Arrays, learning_rate: float, steps: int) -> dict[str, Any]: ...
    def loss(self, params: Arrays) -> float: ...


class Alone:
    """A backend's first series in a process of its own, on a CPU. Raises InputError where it does not answer with the
    model's parameters."""

    def __init__(self, worker: Worker, backend: Description, problem: Problem) -> None:
        self.name, self.spec = backend.name, backend.spec
        self._worker, self._backend, self._problem = worker, backend, problem
        self._task = Task(problem.model.name, backend.series[0], "float64", "cpu", {})

    def advance(self, params: Arrays, learning_rate: float, steps: int) -> dict[str, Any]:
        arrays = {**self._problem.inputs, **params}
        task = replace(self._task, arrays=arrays, steps=steps, learning_rate=learning_rate)
        return moved(self._backend, self._worker.run(task, STEP_SECONDS), params)

    def loss(self, params: Arrays) -> float:
        return float(self._problem.model.loss(np, **params, **self._problem.inputs))


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


def prepare(model: Model, data: Data, learning_rate: float | None = None, hidden: int = 8, seed: int = 0) -> Problem:
    """The problem of `data`, with a start drawn by `seed` and, if none is given, a good learning rate."""
    inputs = arrays(model, data)
    dims = {"n": data.X.shape[0], "m": data.X.shape[1], "k": hidden}
    start = draw(model, dims, np.random.default_rng(seed))
    model.check(start, inputs)
    rate = good_rate(model, data, start) if learning_rate is None else learning_rate
    return Problem(model, data.source, dims, inputs, start, rate, largest_stable_rate(model, data), digest(inputs))


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
    """`steps` steps on `data` by a backend in its own process: `follow` of what `prepare` makes of them."""
    problem = prepare(model, data, learning_rate, hidden, seed)
    return follow(Alone(worker, backend, problem), problem, steps, watch)


def follow(
    engine: Engine,
    problem: Problem,
    steps: int,
    watch: Callable[[int], None] = lambda step: None,
    checkpoint: Checkpoint | None = None,
) -> Descent:
    """`steps` steps from the problem's start, or from where the checkpoint has got to.

    `watch` is told how many steps were made since it was last told. Raises InputError where the descent diverges.
    """
    found = checkpoint.load(problem, engine.name) if checkpoint else None
    path, done, current = found or ([Point(0, engine.loss(problem.start), problem.start)], 0, dict(problem.start))
    watch(done)
    if done > steps:
        raise InputError(f"the checkpoint is at step {done}, beyond --steps {steps}; ask for more steps")
    seen = looks(steps, LOOKS_PAST_MEMORY if problem.streamed else LOOKS)
    for goal in stops(done, seen, checkpoint.every if checkpoint else steps):
        current = engine.advance(current, problem.learning_rate, goal - done)
        watch(goal - done)
        done = goal
        if goal in seen:
            with np.errstate(over="ignore", invalid="ignore"):
                path.append(Point(goal, engine.loss(current), current))
            if not path[-1].loss <= 1e3 * path[0].loss:
                raise _diverged(engine, problem, path[-1])
        if checkpoint and (goal % checkpoint.every == 0 or goal == steps):
            checkpoint.save(problem, engine.name, path, goal, current)
    if path[-1].step != done:  # a longer descent was cut off here
        path.append(Point(done, engine.loss(current), current))
    return Descent(problem.model, problem.inputs, problem.learning_rate, tuple(path))


def stops(done: int, seen: Sequence[int], every: int) -> Iterator[int]:
    """The steps after `done`, up to the last of `seen`, at which something is to be done: those of `seen`, and
    multiples of `every`."""
    left = [look for look in seen if look > done]
    while left:
        done = min(left[0], (done // every + 1) * every)
        left = left[1:] if done == left[0] else left
        yield done


def looks(steps: int, number: int = LOOKS) -> list[int]:
    """The steps after which the loss is looked at, some `number`; the last is `steps`."""
    found: list[int] = np.unique(np.geomspace(1, steps, number).round().astype(int)).tolist()
    return found


def moved(backend: Description, answer: Evaluation | Failure, params: Arrays) -> dict[str, Any]:
    """The parameters that a backend answered, of the names and shapes they had. Raises InputError for anything else."""
    if isinstance(answer, Failure):
        raise InputError(f"backend {backend.name} cannot descend: {answer.reason}")
    shapes = {name: values.shape for name, (values, _) in answer.tensors.items()}
    wanted = {name: np.shape(value) for name, value in params.items()}
    if shapes != wanted:
        raise InputError(f"backend {backend.name} descends to {shapes}; it must give the parameters {wanted}")
    return {name: np.asarray(values, np.float64) for name, (values, _) in answer.tensors.items()}


def _diverged(engine: Engine, problem: Problem, end: Point) -> InputError:
    stable, rate = problem.stable, problem.learning_rate
    said = f"the descent diverges (loss {end.loss:.3g} at step {end.step})"
    if stable and rate < stable:
        return InputError(
            f"{said}, though learning rate {rate:.4g} is below 2/lambda_max = {stable:.4g}: "
            f"the fault is the backend's; run backproof conform --backend {engine.spec}"
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
