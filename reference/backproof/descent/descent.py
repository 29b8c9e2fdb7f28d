"""Gradient descent in float64, by whoever makes the steps: a backend's own process, or ranks that share the columns."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any, Protocol

import numpy as np

from backproof.core.errors import InputError
from backproof.descent.checkpoint import Checkpoint
from backproof.descent.data import Data
from backproof.descent.problem import Descent, Point, Problem, prepare
from backproof.hosting.evaluation import Evaluation, Failure, Task
from backproof.hosting.registry import Description
from backproof.hosting.worker import Worker
from backproof.models.model import Arrays, Model

LOOKS = 60  # how often the loss is looked at, ever more seldom as it settles
LOOKS_PAST_MEMORY = 12  # where a look is a pass over data that is read anew
STEP_SECONDS = 3600.0  # for the steps between two looks


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
        self._task = Task(problem.model.name, backend.series[0].name, "float64", "cpu", {})

    def advance(self, params: Arrays, learning_rate: float, steps: int) -> dict[str, Any]:
        arrays = {**self._problem.inputs, **params}
        task = replace(self._task, arrays=arrays, steps=steps, learning_rate=learning_rate)
        return moved(self._backend, self._worker.run(task, STEP_SECONDS), params)

    def loss(self, params: Arrays) -> float:
        return float(self._problem.model.loss(np, **params, **self._problem.inputs))


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
