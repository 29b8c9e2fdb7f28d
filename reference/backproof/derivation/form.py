"""The form of the user's gradients, looked at before any value: keys, shapes, dtypes. Nothing is ever broadcast."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from backproof.derivation.diagnosis.diagnose import Diagnosis
from backproof.derivation.diagnosis.sweeps import Sweeper, size
from backproof.derivation.samples import Sample
from backproof.graph.reverse import stretched
from backproof.models.model import Model


def form(model: Model, sample: Sample, answers: Mapping[str, Any]) -> dict[str, Diagnosis]:
    """What is wrong with the form of each gradient, if anything; NaN and Inf belong to the values."""
    found: dict[str, Diagnosis] = {}
    known = sample.graph.trace.gradients
    for name in model.params:
        if name not in answers:
            found[name] = Diagnosis("key", f"gradients returns nothing for {name}")
    for name, (values, dtype) in answers.items():
        if name not in known:
            listed = ", ".join(known)
            found[name] = Diagnosis("key", f"gradients returns {name!r}, which is no parameter or tap ({listed})")
        elif values is None:
            found[name] = Diagnosis("dtype", f"it is a {dtype}; it must be an array of float64")
        elif values.shape != known[name].shape:
            found[name] = _shape(model, sample, name, values)
        elif dtype != "float64":
            found[name] = Diagnosis("dtype", f"it is {dtype} where the arrays given are float64")
    return found


def _shape(model: Model, sample: Sample, name: str, values: Any) -> Diagnosis:
    wanted = sample.graph.trace.gradients[name].shape
    text = f"its shape is {values.shape}; it must be {letters(model, name, wanted)}{wanted}"
    if values.dtype.kind != "f" or not np.isfinite(values).all():
        return Diagnosis("shape", text)
    truth = sample.truths[name]
    bound = 2.0**10 * size(sample.quantities[name].likely)
    if values.ndim == 2 and values.T.shape == wanted and size(values.T - truth) <= bound:
        return Diagnosis("transpose", f"{text}: it is the truth transposed")
    axes = _repeated(values.shape, wanted)
    if axes and size(values.sum(axis=axes).reshape(wanted) - truth) <= bound:
        return Diagnosis("missing-reduction", f"{text}: summed over axis {', '.join(map(str, axes))} it is the truth")
    wrong = _wrong_axis(sample, name, values, bound)
    if wrong is not None:
        return Diagnosis("wrong-axis", f"{text}: it is summed over axis {wrong}")
    if values.size == truth.size and size(values.reshape(wanted) - truth) <= bound:
        return Diagnosis("shape", f"{text}: its values are right, reshape it")
    return Diagnosis("shape", text)


def _wrong_axis(sample: Sample, name: str, values: Any, bound: float) -> int | None:
    """The axis over which these values are summed, where the parameter is repeated along another."""
    if name not in sample.graph.trace.inputs:
        return None
    sweeper, node = Sweeper(sample), sample.graph.trace.inputs[name]
    for user in sweeper.order:
        if user.op == "broadcast" and user.args[0] is node and user in sweeper.adjoint:
            g = sweeper.adjoint[user]
            for axis in set(range(g.ndim)) - set(stretched(user)):
                for keepdims in (True, False):
                    summed = g.sum(axis=axis, keepdims=keepdims)
                    if summed.shape == values.shape and size(summed - values) <= bound:
                        return axis
    return None


def _repeated(shape: Sequence[int], wanted: Sequence[int]) -> tuple[int, ...]:
    """The axes over which an array of `shape` may lack a sum to have the shape `wanted`."""
    added = len(shape) - len(wanted)
    if added < 0:
        return ()
    pairs = zip(shape[added:], wanted, strict=True)
    if any(w not in (s, 1) for s, w in pairs):
        return ()
    return tuple(a for a, s in enumerate(shape) if s > 1 and (a < added or wanted[a - added] == 1))


def letters(model: Model, name: str, shape: Sequence[int]) -> str:
    """The shape in letters with an equals sign, where it has any: "(k, n) = "."""
    axes = model.shapes.get(name, "").split()
    return f"({', '.join(axes)}{',' if len(axes) == 1 else ''}) = " if axes and len(axes) == len(shape) else ""
