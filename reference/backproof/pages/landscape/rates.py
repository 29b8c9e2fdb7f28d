"""Learning rates compared: too small, good, oscillating, divergent; each descended for a few steps, one by one."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from backproof.descent.descent import Engine
from backproof.descent.parameters import largest_curvature
from backproof.descent.problem import Point, Problem
from backproof.models.model import Arrays

STEPS = 30
FACTORS = {"too small": 0.05, "good": 0.5, "oscillating": 1.9, "divergent": 2.1}  # of 1 / lambda_max
DOUBLINGS = 12  # of a network's rate, until it diverges
HALVINGS = 8  # of the interval between the two, until the loss goes up and down
FAR = 1e3  # times the loss at the start: divergence


@dataclass(frozen=True)
class Trial:
    """A few steps at one learning rate, and what they show."""

    label: str
    rate: float
    path: tuple[Point, ...]

    @property
    def diverges(self) -> bool:
        return not self.path[-1].loss <= FAR * self.path[0].loss

    @property
    def rises(self) -> bool:
        """Whether the loss goes up at some step."""
        return any(after.loss > before.loss for before, after in pairwise(self.path))


def steps_of(engine: Engine, start: Arrays, rate: float) -> tuple[Point, ...]:
    """The engine's own steps from `start`, every one looked at; up to one whose loss is not finite."""
    path = [Point(0, engine.loss(start), start)]
    for step in range(1, STEPS + 1):
        values = engine.advance(path[-1].params, rate, 1)
        with np.errstate(over="ignore", invalid="ignore"):
            loss = engine.loss(values)
        if not math.isfinite(loss):
            break
        path.append(Point(step, loss, values))
    return tuple(path)


def compare(engine: Engine, problem: Problem, watch: Callable[[int], None] = lambda trials: None) -> tuple[Trial, ...]:
    """Four rates from the problem's start. For the regressions they follow from the Hessian's largest eigenvalue: on a
    quadratic descent turns around beyond 1/lambda_max and diverges beyond 2/lambda_max. A network's curvature is not
    constant: its rates are found by doubling, and named by what they did. `watch` is told of every trial."""

    def trial(label: str, rate: float) -> Trial:
        found = Trial(label, rate, steps_of(engine, problem.start, rate))
        watch(1)
        return found

    if problem.stable is not None:
        return tuple(trial(label, factor * problem.stable / 2) for label, factor in FACTORS.items())
    unit = 1 / largest_curvature(problem.model, problem.start, problem.inputs)
    chosen = {label: trial(label, FACTORS[label] * unit) for label in ("too small", "good")}
    low, high = 0.0, unit
    for _ in range(DOUBLINGS):
        found = trial("", high)
        if found.diverges:
            chosen["divergent"] = found
            break
        if found.rises:
            chosen["oscillating"] = found
        low, high = high, 2 * high
    for _ in range(0 if "oscillating" in chosen else HALVINGS):  # between what falls and what diverges
        found = trial("", (low + high) / 2)
        if found.rises and not found.diverges:
            chosen["oscillating"] = found
            break
        low, high = (low, found.rate) if found.diverges else (found.rate, high)
    return tuple(replace(chosen[label], label=label) for label in FACTORS if label in chosen)
