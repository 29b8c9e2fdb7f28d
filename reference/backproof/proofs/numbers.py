"""Exact numbers to run what was traced on: rationals, or balls where there is a sigmoid or a root."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from fractions import Fraction
from functools import partial
from itertools import product
from random import Random
from typing import Any

import numpy as np
from flint import arb, arb_series
from sympy import Integer

from backproof.graph.functions import FUNCTIONS
from backproof.models.model import Model
from backproof.proofs.specification import TRANSCENDENTAL
from backproof.proofs.symbols import sigma
from backproof.proofs.tensors import Tensor
from backproof.proofs.trace import Trace
from backproof.truth.balls import Objects, objects
from backproof.truth.exact import of_scalar
from backproof.truth.series import Series

BITS = 128  # working precision of the balls
SLACK = arb(2) ** -64  # a ball wider than this would agree with too much
VALUES = [Fraction(v, 2) for v in (-6, -4, -3, -2, -1, 0, 1, 2, 3, 4, 6)]  # exact in binary, so exact as balls
SHAPES = ((2, 3, 4), (3, 4, 2), (4, 2, 3))  # (n, m, k): pairwise distinct, so no transpose or axis can hide


class Rationals:
    """Exact fractions, and the derivative of a specification on them."""

    number = Fraction
    sigmoid = None

    @staticmethod
    def derivative(loss: Callable[[Any], Any], at: Fraction) -> Fraction:
        """Of a polynomial of degree 2: no rule of calculus is used."""
        difference: Fraction = loss(at + 1) - loss(at - 1)
        return difference / 2

    @staticmethod
    def compare(a: Any, b: Any) -> str:
        """ "equal" or "different"."""
        return "equal" if a == b else "different"


class Balls:
    """The same for balls, which are certain to hold the value; the sigmoid is a primitive."""

    @staticmethod
    def number(value: Any) -> arb:
        return arb(value.numerator) / value.denominator

    @staticmethod
    def sigmoid(z: Objects) -> Objects:
        return objects(np.frompyfunc(partial(of_scalar, FUNCTIONS["sigmoid"]), 1, 1)(z), np.shape(z))

    @staticmethod
    def derivative(loss: Callable[[Any], Any], at: arb) -> arb:
        return loss(Series(arb_series([at, 1], prec=2))).terms[1]

    @staticmethod
    def compare(a: Any, b: Any) -> str:
        """ "equal" where thin balls overlap, "different" where finite ones do not, else "undecided"."""
        if a is None or b is None:  # of which flint makes the ball 0
            return "undecided"
        a, b = arb(a), arb(b)
        if not (a.is_finite() and b.is_finite()):
            return "undecided"
        if not a.overlaps(b):
            return "different"
        return "equal" if a.rad() < SLACK and b.rad() < SLACK else "undecided"


class Replay:
    """The traced operations on numbers: `value` of a tensor is what NumPy makes of its operands' values.

    `number` makes what the literals and sizes of the code are; by default they are Python's, as in the code.
    """

    def __init__(
        self, arrays: Mapping[str, Any], sigmoid: Callable[[Any], Any], number: Callable[[Any], Any] | None = None
    ) -> None:
        self.arrays, self.sigmoid, self.exact = arrays, sigmoid, number
        self._values: dict[int, Any] = {}

    def number(self, value: float) -> Any:
        return value if self.exact is None else self.exact(Fraction(value))

    def exponent(self, value: float) -> Any:
        return int(value) if self.exact is not None and value == int(value) else value

    def value(self, tensor: Tensor) -> Any:
        if id(tensor) not in self._values:
            assert tensor.run is not None
            self._values[id(tensor)] = tensor.run(self)
        return self._values[id(tensor)]


def uses_sigma(trace: Trace) -> bool:
    """Is there a sigmoid in the loss or in a gradient?"""
    return any(each.entry(*(Integer(1) for _ in each.dims)).has(sigma) for each in trace.tensors)


def arithmetic(trace: Trace) -> Any:
    """Rationals where the loss and the gradients are rational functions, else balls."""
    roots = any(condition.kind == "root" for each in trace.tensors for condition in each.conditions)
    return Balls if trace.model.name in TRANSCENDENTAL or roots or uses_sigma(trace) else Rationals


def small_shapes(model: Model) -> Iterator[dict[str, int]]:
    """Sizes 1 to 3 of the model's letters, the smallest first, then the pairwise distinct ones."""
    for sizes in sorted(product((1, 2, 3), repeat=len(model.letters)), key=lambda each: (sum(each), each)):
        yield dict(zip(model.letters, sizes, strict=True))
    yield from distinct_shapes(model)


def distinct_shapes(model: Model) -> Iterator[dict[str, int]]:
    """Pairwise distinct sizes."""
    for sizes in SHAPES:
        yield {letter: size for letter, size in zip("nmk", sizes, strict=True) if letter in model.letters}


def draw(model: Model, dims: Mapping[str, int], random: Random, values: Sequence[Fraction] = VALUES) -> dict[str, Any]:
    """Rational inputs, as object arrays of fractions."""
    arrays = {}
    for name in model.shapes:
        drawn = np.empty(model.shape(name, dims), object)
        for position in np.ndindex(drawn.shape):
            drawn[position] = random.choice(values)
        arrays[name] = drawn
    return arrays


def converted(arrays: Mapping[str, Objects], number: Callable[[Any], Any]) -> dict[str, Objects]:
    """Every entry made a number of this kind."""
    return {name: objects(np.frompyfunc(number, 1, 1)(a), a.shape) for name, a in arrays.items()}
