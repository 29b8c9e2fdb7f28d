"""The third link: exact numbers through the operations of the code, against the independent specification.

The linear models run in rationals. Their loss is a polynomial of degree 2 in every single parameter
component, so (L(w + 1) - L(w - 1)) / 2 is its derivative exactly, and no rule of calculus is used. The
sigmoid network runs in balls, and its derivative is that of a truncated Taylor series pushed through the
specification's forward. Where the equation differs, the numbers are a counterexample: both values are exact
or certified, and nothing else refutes. What raises, or cannot be decided, is a reason why there is no proof.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from random import Random
from typing import Any

import numpy as np
from flint import arb

from backproof.models.model import Model
from backproof.proofs.links import Link
from backproof.proofs.numbers import BITS, Replay, arithmetic, converted, draw, small_shapes
from backproof.proofs.specification import SPECIFICATIONS
from backproof.proofs.tensors import Tensor
from backproof.proofs.trace import Trace
from backproof.truth.balls import Objects, objects, precision


@dataclass(frozen=True)
class Counterexample:
    """Numbers at which an equation is wrong: sizes, inputs, and at one component both values."""

    shape: Mapping[str, int]
    inputs: Mapping[str, Any]  # nested lists of rationals, as text
    component: str  # such as "W1[1, 2]", counted from 1
    claimed: str
    derivative: str


class Unfit(Exception):
    """There is no value to compare; the message says why."""


def on_numbers(trace: Trace, name: str, seed: int = 0) -> tuple[Link, Counterexample | None]:
    """Link 3: loss and gradient are those of the specification; or else a counterexample, at the smallest shape."""
    random, unfit, model = Random(seed), "", trace.model
    with precision(BITS):
        kind = arithmetic(trace)
        for dims in small_shapes(model):
            drawn = draw(model, dims, random)
            try:
                mismatch = _mismatch(trace, kind, converted(drawn, kind.number), name)
            except Unfit as reason:
                unfit = unfit or f"at {', '.join(f'{letter} = {size}' for letter, size in dims.items())} {reason}"
                continue
            if mismatch is not None:
                texts = {each: array.tolist() for each, array in converted(drawn, str).items()}
                return Link(False), Counterexample(dict(dims), texts, *map(_text, mismatch))
    return Link(not unfit, unfit), None


def attempt(function: Callable[..., Any], *positional: Any, **arrays: Any) -> Any:
    """The user's operations on numbers. Unfit where they fail, however they do."""
    try:
        with np.errstate(all="ignore"):
            return function(*positional, **arrays)
    except Exception as error:
        raise Unfit(f"it raises {type(error).__name__}: {' '.join(str(error).split())}") from error


def exact_value(replay: Replay, tensor: Any, shape: tuple[int, ...]) -> Objects:
    """What these operations make of exact numbers, if it has this shape; Unfit otherwise."""
    if not isinstance(tensor, Tensor):
        raise Unfit("it is not an array")
    value = attempt(replay.value, tensor)
    if np.shape(value) != shape:
        raise Unfit(f"it has shape {np.shape(value)} where its parameter has {shape}")
    return objects(value, shape)


def _specification(model: Model, arrays: Mapping[str, Objects]) -> Callable[[Mapping[str, Any]], Any]:
    """The specified loss at `arrays`, as a function of the arrays that are replaced."""

    def specified(replaced: Mapping[str, Any]) -> Any:
        return SPECIFICATIONS[model.name](**{name: a.tolist() for name, a in {**arrays, **replaced}.items()})

    return specified


def _mismatch(trace: Trace, kind: Any, arrays: Mapping[str, Objects], name: str) -> tuple[str, Any, Any] | None:
    """The first component of this gradient that is certain to differ: its name, the equation's value, the derivative.

    Unfit where there is none but a component cannot be decided.
    """
    parameter, specified = arrays[name], _specification(trace.model, arrays)
    replay = Replay(arrays, kind.sigmoid, kind.number)
    loss, right = exact_value(replay, trace.loss, ()).item(), specified({})
    if kind.compare(loss, right) == "different":
        return "the loss", loss, right

    def along(position: tuple[int, ...]) -> Any:
        def moved_loss(component: Any) -> Any:
            moved = parameter.copy()
            moved[position] = component
            return specified({name: moved})

        return kind.derivative(moved_loss, parameter[position])

    claim = exact_value(replay, trace.gradients.get(name), parameter.shape)
    compared = {"the loss": kind.compare(loss, right)}
    for position in np.ndindex(parameter.shape):
        derivative, component = along(position), _component(name, position)
        compared[component] = kind.compare(claim[position], derivative)
        if compared[component] == "different":
            return component, claim[position], derivative
    for component, found in compared.items():
        if found == "undecided":
            raise Unfit(f"the enclosure of {component} is too wide to decide")
    return None


def _component(name: str, position: tuple[int, ...]) -> str:
    return f"{name}[{', '.join(str(i + 1) for i in position)}]" if position else name


def _text(value: Any) -> str:
    return value.str(20, radius=False) if isinstance(value, arb) else str(value)
