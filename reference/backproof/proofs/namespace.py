"""What the functions are run on: the arrays of a model as tensors, and their array namespace `xp`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from sympy import Integer

from backproof.models.model import Model
from backproof.proofs.refusals import refuse
from backproof.proofs.symbols import DIMS, Shape, sigma
from backproof.proofs.tensors import FUNCTIONS, Tensor


class _Namespace:
    """The array namespace `xp` of symbolic arrays: what the prover knows of NumPy, and sigma."""

    def __getattr__(self, name: str) -> Any:
        if name in FUNCTIONS:
            return getattr(np, name)
        if name.startswith("_"):
            raise AttributeError(name)
        return refuse(f"calls {name}")

    @staticmethod
    def sigmoid(x: Tensor) -> Tensor:
        return Tensor(
            x.dims,
            lambda *indices: sigma(x.entry(*indices)),
            lambda replay: replay.sigmoid(replay.value(x)),
            x.conditions,
            factors=x.factors,
        )


Namespace = _Namespace()


def shape_of(model: Model, name: str, dims: Mapping[str, Any] = DIMS) -> Shape:
    """The shape of array `name` of the model, in n, m, k."""
    return tuple(Integer(axis) if axis.isdigit() else dims[axis] for axis in model.shapes[name].split())


def inputs(model: Model) -> dict[str, Tensor]:
    """Every array of the model as a tensor of its own entries."""
    return {name: Tensor.named(name, shape_of(model, name)) for name in model.shapes}
