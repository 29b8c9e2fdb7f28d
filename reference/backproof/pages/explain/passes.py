"""One pass: inputs that one can calculate with by hand, every equation's value, and the certified value beside it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from backproof.graph.namespace import Namespace
from backproof.graph.nodes import Node
from backproof.graph.reverse import adjoints
from backproof.models.model import Model
from backproof.pages.explain.equations import FORWARD, LOSS, Equation, Equations
from backproof.truth.quantities import Quantity, certified

DIMS = {"n": 2, "m": 4, "k": 3}
DIGITS, RADIUS_DIGITS = 22, 3


@dataclass(frozen=True)
class Step:
    """An equation with its computed value, and the truth of it with its rounding bounds."""

    equation: Equation
    value: Any  # float64, of the equation's shape
    truth: Quantity

    def certified(self, index: tuple[int, ...]) -> tuple[str, str]:
        """The digits of the truth at a component, and the radius of its ball."""
        ball = self.truth.value[index]
        return ball.str(DIGITS, radius=False), ball.rad().str(RADIUS_DIGITS, radius=False)

    @property
    def error(self) -> float:
        """The largest distance of the computed value from the truth."""
        return max(abs(float(ball - float(v))) for ball, v in self._pairs())

    @property
    def worst(self) -> tuple[int, ...]:
        """The component where that distance is."""
        errors = [abs(float(ball - float(v))) for ball, v in self._pairs()]
        return tuple(int(i) for i in np.unravel_index(int(np.argmax(errors)), np.shape(self.value)))

    def _pairs(self) -> Any:
        return zip(self.truth.value.flat, np.ravel(self.value), strict=True)


@dataclass(frozen=True)
class Pass:
    """A forward and backward pass of a model in float64, step by step."""

    model: Model
    dims: Mapping[str, int]
    seed: int
    arrays: Mapping[str, Any]
    steps: tuple[Step, ...]

    @property
    def loss(self) -> float:
        return float(next(step.value for step in self.steps if step.equation.kind == LOSS))


def one_pass(model: Model, seed: int = 0) -> Pass:
    """One pass at small shapes.

    The truth of a forward line is the line in balls; that of a line that goes backwards is the loss differentiated by
    the engine's reverse sweep, which knows nothing of the hand-derived equations.
    """
    dims = {letter: size for letter, size in DIMS.items() if letter in model.letters}
    arrays = draw(model, dims, seed)
    found = Equations.read(model)
    values = found.run(arrays)
    nodes = {name: Node("input", (), np.shape(array), name=name) for name, array in arrays.items()}
    traced = {**nodes, **found.run(nodes, Namespace())}
    slopes = [each for each in found if each.of is not None]
    roots = {each.target: traced[each.target] for each in found if each.kind in (FORWARD, LOSS)}
    of = [traced[str(each.of)] for each in slopes]
    roots |= dict(zip([each.target for each in slopes], adjoints(traced["loss"], of), strict=True))
    truths = certified(list(roots.values()), arrays, "float64")
    steps = (Step(each, np.asarray(values[each.target]), truths[roots[each.target]]) for each in found)
    return Pass(model, dims, seed, arrays, tuple(steps))


def draw(model: Model, dims: Mapping[str, int], seed: int) -> dict[str, Any]:
    """Tenths between -2 and 2, none of them 0: short enough for a blackboard. What counts is their value in float64."""
    rng = np.random.default_rng(seed)
    tenths = np.array([i for i in range(-20, 21) if i]) / 10
    return {name: np.asarray(rng.choice(tenths, model.shape(name, dims))) for name in model.shapes}


def as_json(shown: Pass) -> dict[str, Any]:
    """What `explain --json` writes; certified numbers are strings."""
    return {
        "model": shown.model.name,
        "seed": shown.seed,
        "shape": dict(shown.dims),
        "inputs": {name: array.tolist() for name, array in shown.arrays.items()},
        "loss": shown.loss,
        "equations": [
            {
                "kind": step.equation.kind,
                "target": step.equation.target,
                "equation": step.equation.text,
                "shape": step.equation.shape,
                "depends": list(step.equation.depends),
                "value": step.value.tolist(),
                "certified": _nested(step, 0),
                "radius": _nested(step, 1),
                "error": step.error,
            }
            for step in shown.steps
        ],
    }


def _nested(step: Step, which: int) -> Any:
    flat = np.empty(np.shape(step.value), object)
    for index in np.ndindex(flat.shape):
        flat[index] = step.certified(index)[which]
    return flat.tolist()
