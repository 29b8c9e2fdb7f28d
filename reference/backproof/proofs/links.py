"""The first two links of a proof: the equation in index notation for all shapes, and the code on symbols."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
from sympy import Expr, IndexedBase, Integer, Symbol, diff, expand

from backproof.models.model import Model
from backproof.proofs.sums import simplified
from backproof.proofs.tensors import DIMS, Namespace, Tensor, index, inputs, shape_of, sigma
from backproof.truth.exact import objects
from backproof.truth.series import Objects

SHAPES = ((2, 3, 4), (3, 4, 2), (4, 2, 3))  # (n, m, k): pairwise distinct, so no transpose or axis can hide
FREE = {"n": "q", "m": "r", "k": "p"}  # the letter of a free index, by what it ranges over


class Unfit(Exception):
    """The equation gives no array of its parameter's shape; the message says what it gives instead."""


@dataclass(frozen=True)
class Link:
    """One link for one equation: does it hold, and if not, what is left over or went wrong."""

    holds: bool
    detail: str = ""


def free_indices(model: Model, name: str) -> dict[Symbol, Expr]:
    """An index for each axis of `name`, with the axis's size."""
    return {index(FREE.get(str(size), f"u{axis}")): size for axis, size in enumerate(shape_of(model, name))}


def claimed_tensors(model: Model) -> dict[str, Tensor]:
    """The hand-derived gradients in index notation: the shipped function, run on tensors. Unfit if it cannot be."""
    return run(model, Namespace, inputs(model))


FAILURES = (
    ArithmeticError,
    AttributeError,
    LookupError,
    NameError,
    TypeError,
    ValueError,
)  # of equations on odd arrays


def run(model: Model, xp: Any, arrays: Mapping[str, Any]) -> dict[str, Any]:
    """The hand derivation on any kind of array; Unfit where it fails."""
    try:
        return model.gradients_in(xp, arrays)
    except FAILURES as error:
        raise Unfit(f"it raises {type(error).__name__}: {error}") from error


def loss_of(model: Model, xp: Any, arrays: Mapping[str, Any]) -> Any:
    """The loss on any kind of array; Unfit where it fails."""
    try:
        return model.loss(xp, **arrays)
    except FAILURES as error:
        raise Unfit(f"its loss raises {type(error).__name__}: {error}") from error


def fitting(gradients: Mapping[str, Any], name: str, shape: tuple[Any, ...]) -> Any:
    """The gradient by this name, if it has this shape; Unfit otherwise."""
    if name not in gradients:
        raise Unfit(f"it returns no {name}")
    value = gradients[name]
    found = tuple(getattr(value, "shape", ()))
    if found != shape:
        raise Unfit(f"it has shape {_tuple(found)} where {name} has {_tuple(shape)}")
    return value


def _tuple(shape: tuple[Any, ...]) -> str:
    return f"({', '.join(map(str, shape))}{',' if len(shape) == 1 else ''})"


def for_all_shapes(model: Model, name: str) -> Link:
    """Link 1: with symbolic n, m and k, the derivative of the loss by `name` minus the equation is zero."""
    arrays, free = inputs(model), free_indices(model, name)
    try:
        loss = loss_of(model, Namespace, arrays).entry()
        claim = fitting(claimed_tensors(model), name, arrays[name].shape).entry(*free)
    except Unfit as unfit:
        return Link(False, str(unfit))
    difference = simplified(diff(loss, arrays[name].entry(*free)) - claim, free)
    return Link(difference == 0, "" if difference == 0 else f"left over: {difference}")


def on_symbols(model: Model, name: str, shapes: tuple[tuple[int, ...], ...] = SHAPES) -> Link:
    """Link 2: run on object arrays of symbols, every entry returned is the derivative of the code's own loss.

    At each shape the index forms of link 1, of the loss and of the gradient, are written out too, and must be
    what the code returned: so the tensors of link 1 follow the rules of NumPy.
    """
    for sizes in shapes:
        dims = dict(zip("nmk", sizes, strict=True))
        fault = _fault_at(model, name, dims)
        if fault:
            return Link(False, f"at {', '.join(f'{letter} = {dims[letter]}' for letter in model.letters)} {fault}")
    return Link(True)


def _fault_at(model: Model, name: str, dims: Mapping[str, int]) -> str:
    arrays = {each: symbols_of(each, model.shape(each, dims)) for each in model.shapes}
    parameter = arrays[name]
    try:
        loss = loss_of(model, Symbols, arrays)
        claim = objects(fitting(run(model, Symbols, arrays), name, parameter.shape), parameter.shape)
        general, general_loss = claimed_tensors(model)[name], loss_of(model, Namespace, inputs(model)).entry()
    except Unfit as unfit:
        return str(unfit)
    sizes = {DIMS[letter]: size for letter, size in dims.items()}
    if expand(general_loss.subs(sizes).doit() - loss) != 0:
        return "the loss is not what the index form says"
    for position in np.ndindex(parameter.shape):
        component = parameter[position]
        if expand(diff(loss, component) - claim[position]) != 0:
            return f"the component for {component} is not the derivative"
        written_out = general.entry(*(Integer(i + 1) for i in position)).subs(sizes).doit()
        if expand(written_out - claim[position]) != 0:
            return f"the component for {component} is not what the index form says"
    return ""


def symbols_of(name: str, shape: tuple[int, ...]) -> Objects:
    """An object array of the symbols name[i, j], counted from 1, axes of size 1 without index."""
    array = np.empty(shape, object)
    general = IndexedBase(name)
    for position in product(*map(range, shape)):
        kept = tuple(i + 1 for i, size in zip(position, shape, strict=True) if size != 1)
        array[position] = general[kept] if kept else Symbol(name)
    return array


class Symbols:
    """The array namespace of object arrays of SymPy expressions."""

    mean = staticmethod(np.mean)

    @staticmethod
    def sigmoid(z: Objects) -> Objects:
        return objects(np.frompyfunc(sigma, 1, 1)(z), z.shape)
