"""A derivation run once on arrays of symbolic shape: its loss and gradients in index notation, or why they are not."""

from __future__ import annotations

import traceback
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from backproof.models.model import Model
from backproof.proofs.functions import read_functions
from backproof.proofs.literals import with_exact_literals
from backproof.proofs.namespace import Namespace, inputs
from backproof.proofs.refusals import Unread, watched
from backproof.proofs.specification import DECLARED
from backproof.proofs.symbols import Condition
from backproof.proofs.tensors import Tensor


@dataclass(frozen=True)
class Trace:
    """What the shipped functions compute, for all shapes."""

    model: Model
    loss: Tensor
    gradients: Mapping[str, Any]
    needed: frozenset[Condition] = frozenset()  # by lines on numbers, which raise otherwise

    @property
    def tensors(self) -> list[Tensor]:
        """The loss, and those gradients that are arrays."""
        return [self.loss, *(each for each in self.gradients.values() if isinstance(each, Tensor))]

    def gradient(self, name: str) -> Tensor:
        """The gradient by this name, if it is an array of its parameter's shape; Unread otherwise."""
        if name not in self.gradients:
            raise Unread(f"gradients returns no {name}")
        value, parameter = self.gradients[name], inputs(self.model)[name]
        if not isinstance(value, Tensor):
            raise Unread(f"gradients returns a {type(value).__name__} for {name}")
        if value.dims != parameter.dims:
            raise Unread(f"it has shape {_tuple(value.dims)} where {name} has {_tuple(parameter.dims)}")
        return value

    def conditions(self, name: str) -> frozenset[Condition]:
        """What must hold for the loss and this gradient to be what they say."""
        return self.needed | self.loss.conditions | self.gradient(name).conditions


def trace(model: Model) -> Trace:
    """Read the functions, then run them on symbolic arrays. Unread where that is not possible."""
    read = read_functions(model.loss, model.gradients)
    if model.name in DECLARED and (model.shapes, model.params) != DECLARED[model.name]:
        raise Unread(f"the shapes or params of {model.name} are not those of the model")
    files = {file.path for _, file in read}
    with watched(files) as watch:
        try:
            made = with_exact_literals(read)
            loss = made[model.loss](Namespace, **inputs(model))
            gradients = replace(model, gradients=made[model.gradients]).gradients_in(Namespace, inputs(model))
        except Exception as error:
            watch.refusals.append(_failure(error, files))
    if watch.refusals:
        raise Unread(watch.refusals[0])
    if not isinstance(loss, Tensor) or loss.dims:
        raise Unread("the loss is not a scalar")
    if type(gradients) is not dict:
        raise Unread("gradients returns no dict")
    return Trace(model, loss, gradients, frozenset(watch.conditions))


def _failure(error: Exception, files: set[str]) -> str:
    """An exception of the user's code, in one line."""
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename in files]
    at = f" at line {lines[-1]}" if lines else ""
    return f"raises {type(error).__name__}{at}: {' '.join(str(error).split())}"


def _tuple(shape: tuple[Any, ...]) -> str:
    return f"({', '.join(map(str, shape))}{',' if len(shape) == 1 else ''})"
