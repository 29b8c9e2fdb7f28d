"""Tracing: a model's loss, run once in the array namespace below, becomes a graph."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from backproof.core.errors import InputError
from backproof.graph.namespace import Namespace
from backproof.graph.nodes import Node
from backproof.graph.reverse import adjoints, dependents
from backproof.graph.selection_ops import CHOOSING
from backproof.graph.sweep import reachable
from backproof.models.algorithms import ALGORITHMS
from backproof.models.model import Dims, Model


@dataclass(frozen=True)
class Trace:
    """A loss as a graph, and its gradients as nodes of the same graph."""

    inputs: Mapping[str, Node]
    loss: Node
    taps: Mapping[str, Node]  # the intermediates that the loss named
    gradients: Mapping[str, Node]

    @property
    def output(self) -> Node | None:
        """What the loss tapped as "y_hat"."""
        return self.taps.get("y_hat")

    @property
    def roots(self) -> list[Node]:
        return [self.loss, *([] if self.output is None else [self.output]), *self.gradients.values()]

    def differentiated(self, names: Sequence[str]) -> Trace:
        """This trace with the gradients of the parameters or taps `names`, in that order."""
        nodes = [self.taps[name] if name in self.taps else self.inputs[name] for name in names]
        return replace(self, gradients=dict(zip(names, adjoints(self.loss, nodes), strict=True)))


def forward(model: Model, dims: Dims) -> Trace:
    """Trace `model.loss` at the sizes `dims`, without gradients. Raises InputError for what cannot be traced."""
    return _forward(model, _inputs(model, dims))


def trace(model: Model, dims: Dims) -> Trace:
    """Trace `model.loss` and sweep it in reverse. Raises InputError for what cannot be traced."""
    return forward(model, dims).differentiated(model.params)


def trace_algorithm(model: Model, inputs: Mapping[str, Node], algorithm: str) -> tuple[Node, dict[str, Node]]:
    """Loss and gradients by another algorithm, as nodes made of `inputs`."""
    other = ALGORITHMS[algorithm]
    prepared = other.prepare(model, {name: inputs[name] for name in model.data})
    return other.evaluate(model, prepared, {name: inputs[name] for name in model.params})


def trace_descent(
    model: Model, dims: Dims, learning_rate: float, steps: int, algorithm: str | None = None
) -> dict[str, tuple[Node, Node]]:
    """Every parameter at the start and after `steps` steps p - learning_rate * dp, as nodes of one graph."""
    start = arrays = _inputs(model, dims)
    for _ in range(steps):
        if algorithm:
            _, gradients = trace_algorithm(model, arrays, algorithm)
        else:
            gradients = dict(_forward(model, arrays).differentiated(model.params).gradients)
        arrays = arrays | {name: arrays[name] - learning_rate * g for name, g in gradients.items()}
    return {name: (start[name], arrays[name]) for name in model.params}


def _inputs(model: Model, dims: Dims) -> dict[str, Node]:
    return {name: Node("input", (), model.shape(name, dims), name=name) for name in model.shapes}


def _forward(model: Model, inputs: Mapping[str, Node]) -> Trace:
    taps: dict[str, Node] = {}

    def tap(name: str, value: Any) -> Any:
        if isinstance(value, Node):
            taps.setdefault(name, value)
        return value

    loss = model.loss(Namespace(), tap=tap, **inputs)
    if not isinstance(loss, Node) or loss.shape != ():
        said = f"an array of shape {loss.shape}" if isinstance(loss, Node) else repr(loss)
        raise InputError(f"{model.name}: loss returns {said}; it must return a scalar made of its arguments")
    order = reachable([loss])
    active = dependents(order, [inputs[name] for name in model.params])
    for node in order:
        if node.op in CHOOSING and node in active:
            node.attributes["active"] = True  # a tie here is a kink
    return Trace(inputs, loss, taps, {})
