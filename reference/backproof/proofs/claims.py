"""A claim: one formula that a lemma rests on, and whether it was shown; and what claims are computed with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sympy import Expr, Sum, Symbol

from backproof.models.model import Model
from backproof.proofs.namespace import Namespace
from backproof.proofs.notation import Formula
from backproof.proofs.source import read
from backproof.proofs.sums import simplified
from backproof.proofs.symbols import DIMS, ONE, Shape, index
from backproof.proofs.tensors import Tensor, scalar

LEFT, RIGHT = {"n": "q", "m": "r", "k": "p"}, {"n": "s", "m": "u", "k": "v"}  # free indices of the first, second axis


@dataclass(frozen=True)
class Claim:
    """One formula, for all shapes, and whether it was shown."""

    formula: Formula
    holds: bool
    shape: Shape | None = None  # of both sides


def equal(latex: str, text: str, left: Any, right: Any) -> Claim:
    """Claim that two tensors (or expressions) are one: the same shape, and no difference at any index."""
    left, right = _tensor(left), _tensor(right)
    if left.dims != right.dims:
        return Claim(Formula(latex, text), False, left.dims)
    letters = [letter.get(str(size), f"u{letter}") for letter, size in zip((LEFT, RIGHT), left.dims, strict=False)]
    free = {index(letter): size for letter, size in zip(letters, left.dims, strict=True)}
    difference = simplified(left.entry(*free) - right.entry(*free), free)
    return Claim(Formula(latex, text), difference == 0, left.dims)


def _tensor(value: Any) -> Tensor:
    return value if isinstance(value, Tensor) else scalar(value)


def run_lines(model: Model, arrays: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Every line of the model's forward and backward on these arrays, `m` being the global count of examples.

    The gradients are under "dW1" and so on.
    """
    source = read(model)
    if source is None:
        raise ValueError(f"{model.name}: there is no forward and backward to read")
    names: dict[str, Any] = {**arrays, "xp": Namespace, "m": scalar(DIMS["m"])}
    for line in (*source.forward, *source.backward):
        names[line.target] = line.evaluate(names, source.scope)
    gradients = {f"d{name}": line.evaluate(names, source.scope) for name, line in source.gradients.items()}
    return {**names, **gradients}


def columns(model: Model, arrays: Mapping[str, Tensor], size: Expr) -> dict[str, Tensor]:
    """The arrays with `size` examples in place of m; the data are any columns."""
    return {
        name: Tensor(tuple(size if s == DIMS["m"] else s for s in tensor.dims), tensor.entry)
        if name in model.data
        else tensor
        for name, tensor in arrays.items()
    }


def column(model: Model, arrays: Mapping[str, Tensor], j: Symbol) -> dict[str, Tensor]:
    """The arrays with example `j` alone."""

    def at(tensor: Tensor) -> Tensor:
        return Tensor((*tensor.dims[:-1], ONE), lambda *to: tensor.entry(*to[:-1], j))

    return {name: at(tensor) if name in model.data else tensor for name, tensor in arrays.items()}


def summed(tensor: Tensor, j: Symbol, size: Expr) -> Tensor:
    """The sum over j = 1 .. size."""
    return Tensor(tensor.dims, lambda *to: Sum(tensor.entry(*to), (j, 1, size)))


def row(tensor: Tensor) -> Tensor:
    """A scalar as a row of one entry, for a univariate model to be read as the multivariate one of n = 1."""
    return tensor if tensor.dims else Tensor((ONE, ONE), lambda *_: tensor.entry())
