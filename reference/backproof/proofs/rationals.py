"""The third link: exact numbers through the shipped functions, against the independent specification.

The linear models run in rationals. Their loss is a polynomial of degree 2 in every single parameter
component, so (L(w + 1) - L(w - 1)) / 2 is its derivative exactly, and no rule of calculus is used. The
sigmoid network runs in balls, and its derivative is that of a truncated Taylor series pushed through the
specification's forward. Where the equation differs, the numbers are a counterexample.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from itertools import product
from random import Random
from typing import Any

import numpy as np
from flint import arb, arb_series

from backproof.graph.functions import FUNCTIONS
from backproof.models.model import Model
from backproof.proofs.links import SHAPES, Link, Unfit, fitting, loss_of, run
from backproof.proofs.specification import SPECIFICATIONS, TRANSCENDENTAL
from backproof.truth.exact import objects, of_scalar, precision
from backproof.truth.series import Objects, Series

BITS = 128  # working precision of the balls
SLACK = arb(2) ** -64  # a ball wider than this would agree with too much
VALUES = [Fraction(v, 2) for v in (-6, -4, -3, -2, -1, 1, 2, 3, 4, 6)]  # exact in binary, so exact as balls


@dataclass(frozen=True)
class Counterexample:
    """Numbers at which an equation is wrong: sizes, inputs, and at one component both values."""

    shape: Mapping[str, int]
    inputs: Mapping[str, Any]  # nested lists of rationals, as text
    component: str  # such as "W1[1, 2]", counted from 1
    claimed: str
    derivative: str


class _Rationals:
    """The array namespace of object arrays of fractions, and the derivative of a specification on them."""

    mean = staticmethod(np.mean)
    number = Fraction

    @staticmethod
    def derivative(loss: Callable[[Any], Any], at: Fraction) -> Fraction:
        difference: Fraction = loss(at + 1) - loss(at - 1)
        return difference / 2

    @staticmethod
    def agree(a: Any, b: Any) -> bool:
        return bool(a == b)


class _Balls:
    """The same for balls, with the sigmoid as a primitive."""

    mean = staticmethod(np.mean)

    @staticmethod
    def number(value: Fraction) -> arb:
        return arb(value.numerator) / value.denominator

    @staticmethod
    def sigmoid(z: Objects) -> Objects:
        return objects(np.frompyfunc(partial(of_scalar, FUNCTIONS["sigmoid"]), 1, 1)(z), z.shape)

    @staticmethod
    def derivative(loss: Callable[[Any], Any], at: arb) -> arb:
        return loss(Series(arb_series([at, 1], prec=2))).terms[1]

    @staticmethod
    def agree(a: Any, b: Any) -> bool:
        a, b = arb(a), arb(b)
        return bool(a.overlaps(b) and a.rad() < SLACK and b.rad() < SLACK)


def small_shapes(model: Model) -> Iterator[dict[str, int]]:
    """Sizes 1 to 3 of the model's letters, the smallest first, then the pairwise distinct ones."""
    count = len(model.letters)
    for sizes in sorted(product((1, 2, 3), repeat=count), key=lambda each: (sum(each), each)):
        yield dict(zip(model.letters, sizes, strict=True))
    for sizes in SHAPES:
        yield {letter: size for letter, size in zip("nmk", sizes, strict=True) if letter in model.letters}


def on_numbers(model: Model, name: str, seed: int = 0) -> tuple[Link, Counterexample | None]:
    """Link 3: loss and gradient are those of the specification; or else a counterexample, at the smallest shape.

    A shape at which the equation gives a value is preferred over one at which it gives no array at all.
    """
    random, unfit = Random(seed), None
    with precision(BITS):
        for dims in small_shapes(model):
            texts, arrays = _draw(model, dims, random)
            mismatch = _mismatch(model, arrays, name)
            if mismatch is not None:
                found = Counterexample(dict(dims), texts, *map(_text, mismatch))
                if not isinstance(mismatch[1], Unfit):
                    return Link(False), found
                unfit = unfit or found
    return Link(unfit is None), unfit


def _arithmetic(model: Model) -> Any:
    return _Balls if model.name in TRANSCENDENTAL else _Rationals


def _draw(model: Model, dims: Mapping[str, int], random: Random) -> tuple[dict[str, Any], dict[str, Objects]]:
    """Rational inputs, as text and as numbers."""
    texts, arrays = {}, {}
    for name in model.shapes:
        shape = model.shape(name, dims)
        drawn = np.empty(shape, object)
        for position in np.ndindex(shape):
            drawn[position] = random.choice(VALUES)
        texts[name] = objects(np.frompyfunc(str, 1, 1)(drawn), shape).tolist()
        arrays[name] = objects(np.frompyfunc(_arithmetic(model).number, 1, 1)(drawn), shape)
    return texts, arrays


def _specification(model: Model, arrays: Mapping[str, Objects]) -> Callable[[Mapping[str, Any]], Any]:
    """The specified loss at `arrays`, as a function of the arrays that are replaced."""

    def specified(replaced: Mapping[str, Any]) -> Any:
        return SPECIFICATIONS[model.name](**{name: a.tolist() for name, a in {**arrays, **replaced}.items()})

    return specified


def _mismatch(model: Model, arrays: Mapping[str, Objects], name: str) -> tuple[str, Any, Any] | None:
    """The first component of this gradient that differs: its name, the equation's value, the derivative."""
    parameter, xp, specified = arrays[name], _arithmetic(model), _specification(model, arrays)
    try:
        loss = loss_of(model, xp, arrays)
    except Unfit as unfit:
        return "the loss", unfit, specified({})
    if not xp.agree(loss, specified({})):
        return "the loss", loss, specified({})

    def along(position: tuple[int, ...]) -> Any:
        def loss(component: Any) -> Any:
            moved = parameter.copy()
            moved[position] = component
            return specified({name: moved})

        return xp.derivative(loss, parameter[position])

    try:
        claim = objects(fitting(run(model, xp, arrays), name, parameter.shape), parameter.shape)
    except Unfit as unfit:
        first = (0,) * parameter.ndim
        return _component(name, first), unfit, along(first)
    for position in np.ndindex(parameter.shape):
        derivative = along(position)
        if not xp.agree(claim[position], derivative):
            return _component(name, position), claim[position], derivative
    return None


def _component(name: str, position: tuple[int, ...]) -> str:
    return f"{name}[{', '.join(str(i + 1) for i in position)}]" if position else name


def _text(value: Any) -> str:
    return value.str(20, radius=False) if isinstance(value, arb) else str(value)
