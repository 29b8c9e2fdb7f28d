"""Tracing: a model's loss, run once in the array namespace below, becomes a graph."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from backproof.errors import InputError
from backproof.forms import FORMS
from backproof.models.model import Dims, Model
from backproof.models.primitives import untapped
from backproof.truth import graph
from backproof.truth.graph import Node
from backproof.truth.reverse import adjoints


class Untraceable(InputError, AttributeError):
    """The loss asks the namespace for a function that cannot be traced."""


class _Namespace:
    """The array-API functions that can be traced; `sigmoid` is one primitive."""

    add, subtract, multiply, divide = (
        staticmethod(lambda a, b, op=op: graph.binary(op, a, b)) for op in ("add", "subtract", "multiply", "divide")
    )
    negative, exp, log, sqrt, tanh, sigmoid = (
        staticmethod(lambda x, op=op: graph.unary(op, x))
        for op in ("negative", "exp", "log", "sqrt", "tanh", "sigmoid")
    )
    matmul = staticmethod(graph.matmul)
    pow = staticmethod(graph.power)
    square = staticmethod(lambda x: graph.power(x, 2))
    asarray = staticmethod(graph.as_node)
    reshape = staticmethod(graph.reshape)
    permute_dims = staticmethod(graph.transpose)
    matrix_transpose = staticmethod(lambda x: graph.as_node(x).mT)
    broadcast_to = staticmethod(graph.broadcast)

    @staticmethod
    def sum(x: Any, *, axis: Any = None, keepdims: bool = False) -> Node:
        return graph.total(x, axis, keepdims)

    @staticmethod
    def mean(x: Any, *, axis: Any = None, keepdims: bool = False) -> Node:
        return graph.mean(x, axis, keepdims)

    def __getattr__(self, name: str) -> Any:
        offered = ", ".join(sorted(n for n in vars(type(self)) if not n.startswith("_")))
        raise Untraceable(f"xp.{name} cannot be traced; the loss may use: {offered}")


@dataclass(frozen=True)
class Trace:
    """A loss as a graph, and its gradients as nodes of the same graph."""

    inputs: Mapping[str, Node]
    loss: Node
    output: Node | None  # what the loss tapped as "y_hat"
    gradients: Mapping[str, Node]

    @property
    def roots(self) -> list[Node]:
        return [self.loss, *([] if self.output is None else [self.output]), *self.gradients.values()]


def trace(model: Model, dims: Dims) -> Trace:
    """Trace `model.loss` at the sizes `dims` and sweep it in reverse. Raises InputError for what cannot be traced."""
    inputs = _inputs(model, dims)
    taps: dict[str, Node] = {}
    loss, gradients = _loss_and_gradients(model, inputs, taps.setdefault)
    return Trace(inputs, loss, taps.get("y_hat"), gradients)


def trace_form(model: Model, inputs: Mapping[str, Node], form: str) -> tuple[Node, dict[str, Node]]:
    """Loss and gradients in another form, as nodes made of `inputs`."""
    algorithm = FORMS[form]
    prepared = algorithm.prepare(model, {name: inputs[name] for name in model.data})
    return algorithm.evaluate(model, prepared, {name: inputs[name] for name in model.params})


def trace_descent(
    model: Model, dims: Dims, learning_rate: float, steps: int, form: str | None = None
) -> dict[str, Node]:
    """The parameters after `steps` steps p - learning_rate * dp, as nodes made of the start and the data."""
    arrays = _inputs(model, dims)
    for _ in range(steps):
        _, gradients = trace_form(model, arrays, form) if form else _loss_and_gradients(model, arrays)
        arrays = arrays | {name: arrays[name] - learning_rate * g for name, g in gradients.items()}
    return {name: arrays[name] for name in model.params}


def _inputs(model: Model, dims: Dims) -> dict[str, Node]:
    return {name: Node("input", (), model.shape(name, dims), name=name) for name in model.shapes}


def _loss_and_gradients(model: Model, arrays: Mapping[str, Node], tap: Any = untapped) -> tuple[Node, dict[str, Node]]:
    loss = model.loss(_Namespace(), tap=tap, **arrays)
    if not isinstance(loss, Node) or loss.shape != ():
        raise InputError(f"{model.name}: loss returns {loss!r}; it must return a scalar made of its arguments")
    gradients = adjoints(loss, [arrays[name] for name in model.params])
    return loss, dict(zip(model.params, gradients, strict=True))
