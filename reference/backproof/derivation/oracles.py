"""Second opinions: PyTorch autograd, JAX grad and the complex step, on the same arrays as the certified truth.

They decide nothing; where one contradicts the certified sweep, that is reported.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from importlib.util import find_spec
from types import TracebackType
from typing import Any

import numpy as np

from backproof.core.errors import InputError
from backproof.derivation.framework import FrameworkProcess
from backproof.derivation.process import UserProcess
from backproof.derivation.samples import Sample
from backproof.graph.selection_ops import CHOOSING

FRAMEWORKS = ("torch", "jax")
PATIENCE = 3.5  # seconds since the start: a check is not held up by an import


class Oracles:
    """The frameworks that are installed, started at once, each in a process of its own."""

    def __init__(self, path: str, patience: float = PATIENCE) -> None:
        self._until = time.monotonic() + patience
        self._processes = {name: FrameworkProcess(name, path) for name in FRAMEWORKS if find_spec(name)}

    def __enter__(self) -> Oracles:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for process in self._processes.values():
            process.stop()

    def ask(self, user: UserProcess, samples: Sequence[Sample]) -> dict[str, Any]:
        """What each oracle says of the first sample: agrees, disagrees, missing, or why it says nothing."""
        sample = samples[0]
        for started in self._processes.values():
            started.send(sample.arrays, [n for n in sample.truths if n in sample.graph.trace.inputs])
        said: dict[str, Any] = {"complex step": _complex_step(user, sample)}
        for name in FRAMEWORKS:
            process = self._processes.get(name)
            if process is None:
                said[name] = {"status": "missing", "reason": f"{name} is not installed"}
                continue
            answer = process.receive(max(0.0, self._until - time.monotonic()))
            said[name] = _compared(sample, answer) if isinstance(answer, dict) else {"status": "none", "reason": answer}
        return said


def _compared(sample: Sample, gradients: dict[str, Any]) -> dict[str, Any]:
    """Against the truth, with its rigorous bound."""
    for name, values in gradients.items():
        quantity, truth = sample.quantities[name], sample.truths[name]
        slack = quantity.rigorous + np.spacing(np.abs(truth))
        beyond = (np.abs(values - truth) > slack) | ~np.isfinite(values) if values.shape == truth.shape else True
        if np.any(beyond & np.isfinite(quantity.rigorous)):
            return {"status": "disagrees", "reason": f"on d{name}"}
    return {"status": "agrees"}


def _complex_step(user: UserProcess, sample: Sample) -> dict[str, Any]:
    """Along one random direction."""
    trace = sample.graph.trace
    for node in sample.graph.order:
        if node.op in CHOOSING and node.attributes.get("active") and node.serial <= trace.loss.serial:
            return {"status": "none", "reason": f"the loss is not analytic ({node.op})"}
    rng = np.random.default_rng(sample.seed)
    names = [name for name in sample.truths if name in trace.inputs]
    direction = {name: rng.integers(-8, 9, sample.truths[name].shape) / 8 for name in names}
    try:
        found = user.ask("complex step", sample.arrays, direction)
    except InputError as error:
        return {"status": "none", "reason": str(error)}
    terms = [(sample.truths[n] * direction[n], sample.quantities[n].rigorous * np.abs(direction[n])) for n in names]
    expected = sum(float(value.sum()) for value, _ in terms)
    # A complex product is three real operations or more, whose bounds we do not derive: the sum of the bounds of
    # all components stands in for them, which is far above one direction's error.
    slack = 4 * sum(float(bound.sum() + np.spacing(np.abs(value)).sum()) for value, bound in terms)
    if not abs(found - expected) <= slack and np.isfinite(slack):
        return {"status": "disagrees", "reason": f"along a direction: {found} where the truth is {expected}"}
    return {"status": "agrees"}
