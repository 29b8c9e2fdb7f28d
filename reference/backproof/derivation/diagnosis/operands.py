"""Faults of values: a wrong operand in one rule, a stale value, a forward pass that was run differently."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import pairwise
from typing import Any

import numpy as np

from backproof.derivation.diagnosis.derivatives import UNARY, repeated
from backproof.derivation.diagnosis.fault import Fault, Prediction, changed, whole
from backproof.derivation.diagnosis.places import Places
from backproof.derivation.diagnosis.sweeps import Sweeper
from backproof.graph.nodes import Node
from backproof.graph.reverse import RULES
from backproof.rounding.error_sweep import arg_value

USING = ("multiply", "divide", "matmul", *UNARY)  # rules that use values


def operands(sweeper: Sweeper, places: Places) -> Iterator[Fault]:
    """Another value of the same shape in one operation's rule; in a loop's, at every step."""
    distinct = distinct_values(sweeper)
    for node in sweeper.order:
        if node.op not in USING or node not in sweeper.adjoint:
            continue
        slots = range(
            -1 if node.op in (*UNARY, "divide") and node.op != "power" else 0, len(node.args)
        )  # -1: the result itself
        for slot in slots:
            used = node if slot < 0 else node.args[slot]
            if _constant(used):
                continue
            if node.op in ("multiply", "matmul") and node.args[1 - slot] in sweeper.active:
                if node.op == "multiply":
                    yield _put(places, node, slot, "missing-derivative", np.ones_like)
                elif used.shape[-1] == used.shape[-2]:
                    yield _put(places, node, slot, "transpose", lambda v: v.mT)
            for other in distinct.get(used.shape, []):
                if not np.array_equal(sweeper.values[other], sweeper.values[used]):
                    yield _operand(places, node, slot, used, other)
    groups = repeated(sweeper)
    sequences = [*groups, *([n.args[i] for n in nodes] for nodes in groups for i in range(len(nodes[0].args)))]
    for nodes in groups:
        if nodes[0].op in USING:
            for slot in range(-1 if nodes[0].op in UNARY else 0, len(nodes[0].args)):
                used = nodes[0] if slot < 0 else nodes[0].args[slot]
                for others in sequences:
                    if len(others) == len(nodes) and others[0].shape == used.shape:
                        yield _operand_everywhere(places, nodes, slot, others)


def _operand_everywhere(places: Places, nodes: list[Node], slot: int, others: list[Node]) -> Fault:
    """In every step of a loop, the value of the same step's `other` where another belongs."""
    instead = dict(zip(nodes, others, strict=True))

    def predict(s: Sweeper) -> Prediction:
        def rule(node: Node, g: Any, y: Any, *args: Any) -> Any:
            if slot < 0:
                return RULES[node.op](node, g, s.values[instead[node]], *args)
            put = [*args[:slot], s.values[instead[node]], *args[slot + 1 :]]
            return RULES[node.op](node, g, y, *put)

        with np.errstate(all="ignore"):
            return whole(s.read(s.swept(dict.fromkeys(nodes, rule))))

    node, other = nodes[-1], others[-1]
    used = node if slot < 0 else node.args[slot]
    kind = "stale-value" if stale(used, other) else "wrong-operand"
    what = f"{places.name(other)} stands where {places.name(used)} belongs"
    if kind == "stale-value":
        what = f"{places.name(other)} of another step stands where {places.name(used)} belongs"
    return Fault(kind, f"{what}, in the rule of {places.operation(node)}, at every step", node.line, predict, rank=2)


def _constant(node: Node) -> bool:
    return not np.isnan(np.ravel(arg_value(node))).all()


def _put(places: Places, node: Node, slot: int, kind: str, change: Callable[[Any], Any]) -> Fault:
    """One operand in the rule of a product: as it is not to be, or left out."""
    used, other = places.name(node.args[slot]), places.name(node.args[1 - slot])
    text = f"yours has {used} for its transpose, or the other way round, in the rule of {places.operation(node)}"
    if kind == "missing-derivative":
        text = f"yours lacks the derivative of {places.name(node)} by {other}, {used} (the {places.operation(node)})"

    def predict(s: Sweeper) -> Prediction:
        args = [change(s.values[a]) if i == slot else s.values[a] for i, a in enumerate(node.args)]
        put = RULES[node.op](node, s.adjoint[node], s.values[node], *args)[1 - slot]
        return changed(s, s.propagate({node.args[1 - slot]: put - s.locals(node)[1 - slot]}))

    return Fault(kind, text, node.line, predict, rank=0 if kind == "missing-derivative" else 1)


def distinct_values(sweeper: Sweeper) -> dict[tuple[int, ...], list[Node]]:
    """The forward values by shape, each once."""
    found: dict[tuple[int, ...], dict[bytes, Node]] = {}
    for node in sweeper.order:
        if node.shape and not _constant(node):
            value = np.ascontiguousarray(sweeper.values[node])
            found.setdefault(node.shape, {}).setdefault(value.tobytes(), node)
    return {shape: list(nodes.values()) for shape, nodes in found.items()}


def _operand(places: Places, node: Node, slot: int, used: Node, other: Node) -> Fault:
    def predict(s: Sweeper) -> Prediction:
        args = [s.values[a] for a in node.args]
        y = s.values[node]
        if slot < 0:
            y = s.values[other]
        else:
            args[slot] = s.values[other]
        with np.errstate(all="ignore"):
            put = RULES[node.op](node, s.adjoint[node], y, *args)
        seeds: dict[Node, Any] = {}
        for arg, new, old in zip(node.args, put, s.locals(node), strict=True):
            if arg in s.active and new is not None:
                seeds[arg] = seeds.get(arg, 0) + new - old
        return changed(s, s.propagate(seeds))

    kind = "wrong-derivative" if node.op in UNARY else "wrong-operand"
    if stale(used, other):
        kind = "stale-value"
    text = f"{places.name(other)} stands where {places.name(used)} belongs, in the rule of {places.operation(node)}"
    return Fault(kind, text, node.line, predict, rank=2 if kind != "wrong-derivative" else 3)


def stale(used: Node, other: Node) -> bool:
    """Whether `other` is `used` at another time: before or after something was added, or at another step of a loop."""
    if used.op == other.op and used.span and used.span == other.span:
        return True
    return _sums(used, other) or _sums(other, used)


def _sums(later: Node, earlier: Node) -> bool:
    while later.op in ("add", "subtract", "broadcast", "reshape"):
        if any(a is earlier for a in later.args):
            return later.op in ("add", "subtract")
        later = next((a for a in later.args if a.op in ("add", "subtract")), later.args[0])
    return False


def stale_values(sweeper: Sweeper, places: Places) -> Iterator[Fault]:
    """A value from before an operation, or from another step, wherever the backward pass uses it, or forwards too."""
    steps = {node: nodes for nodes in repeated(sweeper) for node in nodes}
    for node in sweeper.order:
        if node not in sweeper.adjoint or not node.args or node is sweeper.loss:
            continue
        others = [o for o in steps.get(node, ()) if o is not node]
        for other in dict.fromkeys([*(a for a in node.args if a.shape == node.shape), *others]):
            yield _replaced(places, {node: other}, "stale-value" if stale(node, other) else "wrong-operand")
    for nodes in {id(group): group for group in steps.values()}.values():
        yield _replaced(places, {late: early for early, late in pairwise(nodes)}, "stale-value")
        yield _replaced(places, dict(pairwise(nodes)), "stale-value")


def _replaced(places: Places, pairs: Mapping[Node, Node], kind: str) -> Fault:
    def predict(s: Sweeper) -> Prediction:
        values = s.values | {node: s.values[other] for node, other in pairs.items()}
        with np.errstate(all="ignore"):
            return whole(s.read(s.swept({}, values)))

    node, other = next(iter(pairs.items()))
    text = f"{places.name(other)} is used where {places.name(node)} belongs (the {places.operation(node)})"
    return Fault(kind, text, node.line, predict, rank=4)
