"""The last resort, and the slowest: a part of a gradient multiplied by values of the forward pass.

Hand-simplified formulas do not follow the graph rule by rule; a factor that was dropped, doubled or exchanged in
one shows as what flows through one operation (or two in a row), times a power of a value or a ratio of two.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np

from backproof.derivation.diagnosis.derivatives import repeated
from backproof.derivation.diagnosis.fault import Fault, Prediction, exchanged
from backproof.derivation.diagnosis.operands import distinct_values, stale
from backproof.derivation.diagnosis.places import Places
from backproof.derivation.diagnosis.sweeps import Sweeper, Tensors
from backproof.graph.nodes import Node
from backproof.graph.reverse import RULES, stretched

POWERS = (1, -1, 2, -2, 3, -3)

Scale = Callable[[Sweeper], Any]


def scaled(sweeper: Sweeper, places: Places) -> Iterator[Fault]:
    """Parts of the gradients times values, steps of a loop alone, and sums over the wrong axis of scaled parts."""
    scales = list(_scales(sweeper, places))
    yield from _whole(sweeper, scales)
    yield from _two_steps(sweeper, places)
    yield from _steps(sweeper, places)
    for node in reversed(sweeper.order):
        for i, arg in _passed(sweeper, node):
            if arg.shape:
                yield from _flow(places, node, i, arg, scales)
    yield from _axes(sweeper, places)


Scaling = tuple[tuple[int, ...], str, str, Scale]  # the shape, what it is called, the kind of mistake, the values


def _scales(sweeper: Sweeper, places: Places) -> Iterator[Scaling]:
    for shape, nodes in distinct_values(sweeper).items():
        for node in nodes:
            for p in POWERS:
                said = (
                    places.name(node) if p == 1 else f"1/{places.name(node)}" if p == -1 else f"{places.name(node)}^{p}"
                )
                kind = "missing-derivative" if p < 0 else "wrong-derivative"
                yield shape, said, kind, partial(_power, node, p)
        for a in nodes:
            for b in nodes:
                if a is not b:
                    kind = "stale-value" if stale(b, a) else "wrong-operand"
                    said = f"{places.name(a)}/{places.name(b)}"
                    yield shape, said, kind, partial(_ratio, a, b)


def _power(node: Node, p: int, s: Sweeper) -> Any:
    return s.values[node] ** float(p)


def _ratio(a: Node, b: Node, s: Sweeper) -> Any:
    return s.values[a] / s.values[b]


def _whole(sweeper: Sweeper, scales: list[Scaling]) -> Iterator[Fault]:
    for name, truth in sweeper.truth.items():
        for shape, said, kind, scale in scales:
            if shape == truth.shape:

                def predict(s: Sweeper, name: str = name, scale: Scale = scale) -> Prediction:
                    nothing = {n: np.zeros_like(v) for n, v in s.truth.items()}
                    return Prediction(nothing, {**s.truth, name: s.truth[name] * scale(s)})

                yield Fault(kind, f"yours is the truth times {said}", None, predict, kind, 8)


def _flow(places: Places, node: Node, i: int, arg: Node, scales: list[Scaling]) -> Iterator[Fault]:
    for shape, said, kind, scale in scales:
        if shape == arg.shape:

            def predict(s: Sweeper, scale: Scale = scale) -> Prediction:
                return exchanged(s, s.flow(node, i), s.propagate({arg: s.locals(node)[i] * scale(s)}))

            text = f"what comes through {places.name(arg)} in {places.name(node)} is multiplied by {said}"
            yield Fault(kind, text, node.line, predict, kind, 7)


def _two_steps(sweeper: Sweeper, places: Places) -> Iterator[Fault]:
    """What flows through two operations in a row, one of several ways that lead through the first."""
    for node in reversed(sweeper.order):
        for i, arg in _passed(sweeper, node):
            for j, _ in _passed(sweeper, arg):
                yield _path(places, node, i, j)


def _passed(sweeper: Sweeper, node: Node) -> list[tuple[int, Node]]:
    """The arguments to which the rule of `node` passes something on; nothing flows through the sign of a value."""
    if node not in sweeper.adjoint or not node.args:
        return []
    flows = zip(node.args, sweeper.locals(node), strict=True)
    return [(i, arg) for i, (arg, g) in enumerate(flows) if g is not None and arg in sweeper.active]


def _path(places: Places, node: Node, i: int, j: int) -> Fault:
    arg = node.args[i]

    def predict(s: Sweeper) -> Prediction:
        part = RULES[arg.op](arg, s.locals(node)[i], s.values[arg], *(s.values[a] for a in arg.args))[j]
        flow = s.propagate({arg.args[j]: part})
        return exchanged(s, flow, flow)

    text = f"the term that comes through {places.name(node)} and {places.name(arg)} (the {places.operation(arg)})"
    return Fault("missing-term", text, arg.line or node.line, predict, "wrong-derivative", 7)


def _steps(sweeper: Sweeper, places: Places) -> Iterator[Fault]:
    """One step of a loop alone, or all but one."""
    for nodes in repeated(sweeper):
        for i, arg in enumerate(nodes[0].args):
            if arg in sweeper.active:
                for number in (0, len(nodes) - 1):
                    yield _only(places, nodes, i, number)


def _only(places: Places, nodes: list[Node], i: int, number: int) -> Fault:
    def predict(s: Sweeper) -> Prediction:
        flows = [s.flow(node, i) for node in nodes]
        everything: Tensors = {name: np.sum([f[name] for f in flows], axis=0) for name in s.truth}
        return exchanged(s, everything, flows[number])

    text = f"only step {number + 1} of {len(nodes)} counts in the gradient by {places.name(nodes[0].args[i])}"
    where = f"(the {places.operation(nodes[0])})"
    return Fault("missing-term", f"the other steps: {text} {where}", nodes[0].line, predict, "missing-term", 7)


def _axes(sweeper: Sweeper, places: Places) -> Iterator[Fault]:
    """A sum over the wrong axis, of what is then multiplied by a value that is constant along the right one."""
    from backproof.derivation.diagnosis.terms import unreduced

    values = distinct_values(sweeper)
    for node in sweeper.order:
        if node.op != "broadcast" or node not in sweeper.adjoint or node not in sweeper.active:
            continue
        for axis in stretched(node):
            for other in range(len(node.shape)):
                if other == axis or node.shape[other] == 1:
                    continue
                for v in values.get(node.shape, []):
                    if np.ptp(sweeper.values[v], axis=axis).max() == 0 < np.ptp(sweeper.values[v]):

                        def predict(
                            s: Sweeper, node: Node = node, axis: int = axis, b: int = other, v: Node = v
                        ) -> Any:
                            g = s.adjoint[node]
                            scale = s.values[v]
                            full = np.broadcast_to((g * scale).sum(axis=b, keepdims=True), g.shape) / scale
                            return exchanged(s, s.flow(node, 0), unreduced(s, node, axis, full))

                        text = f"the gradient of {places.name(node)} is summed over axis {other}, not over axis {axis}"
                        yield Fault("wrong-axis", text, node.line, predict, "wrong-axis", 7)
