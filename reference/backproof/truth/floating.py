"""The graph in ordinary floating point: NumPy, in the dtype of the inputs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from backproof.graph import layout_ops, selection_ops
from backproof.graph.functions import Function
from backproof.graph.nodes import Node

Values = Any  # an array


def _ufunc(function: Callable[..., Any]) -> Callable[..., Values]:
    return lambda self, node, *values: np.asarray(function(*values))


class Floating:
    """Sweep in NumPy. Certifies nothing: for the diagnosis, where many sweeps are compared, and for `simulated`."""

    def __init__(self, inputs: Mapping[str, Any]) -> None:
        self.inputs = inputs

    def input(self, node: Node) -> Values:
        return np.asarray(self.inputs[node.attributes["name"]])

    def constant(self, node: Node) -> Values:
        return np.asarray(node.attributes["value"], float)

    add, subtract, multiply, divide = _ufunc(np.add), _ufunc(np.subtract), _ufunc(np.multiply), _ufunc(np.divide)
    negative, abs = _ufunc(np.negative), _ufunc(np.abs)
    maximum, matmul = _ufunc(np.maximum), _ufunc(np.matmul)
    where = _ufunc(selection_ops.where)
    positive = _ufunc(lambda x: (x > 0).astype(x.dtype))
    nonnegative = _ufunc(lambda x: (x >= 0).astype(x.dtype))
    zero = _ufunc(lambda x: (x == 0).astype(x.dtype))

    def function(self, node: Node, function: Function, x: Values) -> Values:
        return np.asarray(function.numpy(x))

    def power(self, node: Node, x: Values) -> Values:
        return np.asarray(x ** float(node.attributes["exponent"]))

    def transpose(self, node: Node, x: Values) -> Values:
        return x.transpose(node.attributes["axes"])

    def reshape(self, node: Node, x: Values) -> Values:
        return x.reshape(node.shape)

    def broadcast(self, node: Node, x: Values) -> Values:
        return np.broadcast_to(x, node.shape)

    def take(self, node: Node, x: Values) -> Values:
        return np.asarray(x.reshape(-1)[node.attributes["positions"]])

    def concat(self, node: Node, *parts: Values) -> Values:
        return np.concatenate(parts, node.attributes["axis"])

    def sum(self, node: Node, x: Values) -> Values:
        return np.asarray(x.sum(axis=node.attributes["axes"]))

    def max(self, node: Node, x: Values) -> Values:
        return np.asarray(x.max(axis=node.attributes["axes"]))

    def lead(self, node: Node, x: Values) -> Values:
        rows = np.sort(selection_ops.rows_along(x, node.attributes["axes"]), axis=1)
        lead = rows[:, -1] - rows[:, -2] if rows.shape[1] > 1 else np.ones(len(rows))
        return lead.reshape(node.shape)

    def peak(self, node: Node, x: Values, lead: Values) -> Values:
        return selection_ops.peak(x, node.attributes["axes"])

    def scatter(self, node: Node, x: Values) -> Values:
        return layout_ops.scatter(x, node.attributes["positions"], node.shape)
