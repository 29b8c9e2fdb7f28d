"""Faults of sums: a term left out, of the wrong sign or size; a reduction left out, or along the wrong axis."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np

from backproof.derivation.diagnosis.derivatives import repeated
from backproof.derivation.diagnosis.fault import Fault, Prediction, exchanged, whole
from backproof.derivation.diagnosis.places import Places
from backproof.derivation.diagnosis.sweeps import Sweeper, Tensors
from backproof.graph.nodes import Node
from backproof.graph.reverse import RULES, Rule, stretched


def terms(sweeper: Sweeper, places: Places) -> Iterator[Fault]:
    """What flows through one argument of one operation: left out, or scaled."""
    for node in reversed(sweeper.order):
        if node in sweeper.adjoint and node.args:
            for i, (arg, g) in enumerate(zip(node.args, sweeper.locals(node), strict=True)):
                if g is not None and arg in sweeper.active:
                    yield _term(places, node, i)
    for nodes in repeated(sweeper):
        for i, arg in enumerate(nodes[0].args):
            if arg in sweeper.active:
                yield _terms(places, nodes, i)


def _term(places: Places, node: Node, i: int) -> Fault:
    def predict(s: Sweeper) -> Prediction:
        flow = s.flow(node, i)
        return exchanged(s, flow, flow)

    return _missing(places, node, node.args[i], predict, rank=-1)


def _terms(places: Places, nodes: list[Node], i: int) -> Fault:
    def rule(node: Node, g: Any, y: Any, *args: Any) -> Any:
        return [None if j == i else h for j, h in enumerate(RULES[node.op](node, g, y, *args))]

    def predict(s: Sweeper) -> Prediction:
        without = s.read(s.swept(dict.fromkeys(nodes, rule)))
        return Prediction(without, {name: value - without[name] for name, value in s.truth.items()})

    return _missing(places, nodes[0], nodes[0].args[i], predict, rank=-1)


def _missing(places: Places, node: Node, arg: Node, predict: Any, rank: int) -> Fault:
    text = f"the term that comes through {places.name(arg)} in {places.name(node)} (the {places.operation(node)})"
    return Fault("missing-term", text, node.line or arg.line, predict, "wrong-derivative", rank)


def reductions(sweeper: Sweeper, places: Places) -> Iterator[Fault]:
    """The sum over an axis along which a value was repeated: left out, or over another axis."""
    for node in sweeper.order:
        if node.op != "broadcast" or node not in sweeper.adjoint or node not in sweeper.active:
            continue
        for axis in stretched(node):
            yield _reduction(places, node, axis, None)
            for other in range(len(node.shape)):
                if other != axis and node.shape[other] > 1:
                    yield _reduction(places, node, axis, other)


def _reduction(places: Places, node: Node, axis: int, other: int | None) -> Fault:
    def predict(s: Sweeper) -> Prediction:
        g = s.adjoint[node]
        full = g if other is None else np.broadcast_to(g.sum(axis=other, keepdims=True), g.shape)
        return exchanged(s, s.flow(node, 0), unreduced(s, node, axis, full))

    name = places.name(node)
    if other is None:
        text = f"the gradient of {name}, which is repeated along axis {axis}, is not summed over that axis"
        return Fault("missing-reduction", text, node.line, predict, "missing-reduction", 2)
    text = f"the gradient of {name} is summed over axis {other}; it is repeated along axis {axis}"
    return Fault("wrong-axis", text, node.line, predict, "wrong-axis", 2)


def unreduced(s: Sweeper, node: Node, axis: int, full: Any) -> Tensors:
    """What the gradients get where every position j along `axis` passes on its own `full[j]` instead of a sum."""
    size, arg = node.shape[axis], node.args[0]
    rest = tuple(a for a in stretched(node) if a != axis)
    result = {name: np.full(np.shape(value), np.nan) for name, value in s.truth.items()}
    for j in range(size):
        seed = np.take(full, [j], axis).sum(axis=rest, keepdims=True).reshape(arg.shape)
        for name, value in s.propagate({arg: seed}).items():
            matching = [a for a, length in enumerate(np.shape(value)) if length == size]
            if len(matching) == 1:
                at = (slice(None),) * matching[0] + (j,)
                result[name][at] = value[at]
    return result


def examples(sweeper: Sweeper, places: Places, letters: dict[str, int]) -> Iterator[Fault]:
    """Only some of the examples counted: `letters` are the sizes that no parameter has."""
    for letter, size in letters.items():
        for text, kept in _subsets(size):
            told = f"only some of the {letter} = {size} examples count: {text}"
            yield Fault("missing-examples", told, None, partial(_counted, size, kept), "missing-examples", 1)


def _counted(size: int, kept: Any, s: Sweeper) -> Prediction:
    return whole(s.read(s.swept(_masked(s, size, kept))))


def _subsets(size: int) -> Iterator[tuple[str, Any]]:
    everything = np.arange(size)
    for j in range(size):
        yield f"number {j} is left out", everything != j
    for j in range(size):
        yield f"number {j} alone does", everything == j
    for count in range(2, size - 1):
        yield f"the first {count} do", everything < count
        yield f"the last {count} do", everything >= size - count
    yield "every other one does", everything % 2 == 0
    yield "every other one does", everything % 2 == 1


def _masked(s: Sweeper, size: int, kept: Any) -> dict[Node, Rule]:
    """Rules that sum over the kept examples only, wherever a sum over examples reaches what has none."""
    replaced: dict[Node, Rule] = {}
    for node in s.order:
        if node.op == "broadcast" and any(node.shape[a] == size for a in stretched(node)):
            axis = next(a for a in stretched(node) if node.shape[a] == size)
            replaced[node] = _with_mask(len(node.shape), axis, kept, None)
        elif node.op == "matmul" and node.shape[-1] == size:
            replaced[node] = _with_mask(len(node.shape), len(node.shape) - 1, kept, 0)
        elif node.op == "matmul" and node.shape[-2] == size:
            replaced[node] = _with_mask(len(node.shape), len(node.shape) - 2, kept, 1)
    return replaced


def _with_mask(ndim: int, axis: int, kept: Any, only: int | None) -> Rule:
    mask = kept.astype(float).reshape([-1 if a == axis else 1 for a in range(ndim)])

    def rule(node: Node, g: Any, y: Any, *args: Any) -> Any:
        right, masked = (RULES[node.op](node, h, y, *args) for h in (g, g * mask))
        return [m if only in (None, i) else r for i, (r, m) in enumerate(zip(right, masked, strict=True))]

    return rule
