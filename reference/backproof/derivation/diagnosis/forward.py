"""Faults of the forward pass as the user recomputed it: another operand, another sign, an operation left out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from backproof.derivation.diagnosis.fault import Fault, Prediction, whole
from backproof.derivation.diagnosis.operands import distinct_values, stale
from backproof.derivation.diagnosis.places import Places
from backproof.derivation.diagnosis.sweeps import Sweeper
from backproof.graph.nodes import Node
from backproof.graph.sweep import apply
from backproof.truth.floating import Floating

Recompute = Callable[[Sweeper], Any]

OTHER_SIGN = {"add": np.subtract, "subtract": np.add}


def forwards(sweeper: Sweeper, places: Places) -> Iterator[Fault]:
    """One operation of the forward pass run differently, and all that is made of it; the rules are right."""
    distinct = distinct_values(sweeper)
    for node in sweeper.order:
        if node not in sweeper.adjoint or not node.args or node is sweeper.loss:
            continue
        name, what = places.name(node), places.operation(node)
        for other in node.args:
            if other.shape == node.shape and other.op != "constant":
                lost = next((a for a in node.args if a is not other), node)
                text = f"the forward values are those without {places.name(lost)} in {name} (the {what})"
                yield _fault(node, "stale-value", text, lambda s, other=other: s.values[other], 5)
        if node.op in OTHER_SIGN:
            flipped = OTHER_SIGN[node.op]
            text = f"the forward values are those with the other sign in {name} (the {what})"
            yield _fault(node, "wrong-operand", text, lambda s, f=flipped, n=node: f(*_arguments(s, n)), 5)
            text = f"the forward values are those without {places.name(node.args[0])} in {name} (the {what})"
            yield _fault(node, "stale-value", text, lambda s, n=node: f_negated(*_arguments(s, n)), 6)
        for slot, used in enumerate(node.args):
            for other in distinct.get(used.shape, []):
                if other.serial < node.serial and not np.array_equal(sweeper.values[other], sweeper.values[used]):
                    kind = "stale-value" if stale(used, other) else "wrong-operand"
                    text = f"the forward values are those with {places.name(other)} for {places.name(used)} in {name}"
                    yield _fault(node, kind, f"{text} (the {what})", _with_operand(node, slot, other), 5)


def f_negated(first: Any, second: Any) -> Any:
    """0 - second, whatever was first: what is left of a difference without its first term."""
    return -second


def _arguments(s: Sweeper, node: Node) -> list[Any]:
    return [s.values[a] for a in node.args]


def _with_operand(node: Node, slot: int, other: Node) -> Recompute:
    def recompute(s: Sweeper) -> Any:
        arguments = _arguments(s, node)
        arguments[slot] = s.values[other]
        return apply(Floating({}), node, *arguments)

    return recompute


def _fault(node: Node, kind: str, text: str, recompute: Any, rank: int) -> Fault:
    def predict(s: Sweeper) -> Prediction:
        with np.errstate(all="ignore"):
            return whole(s.read(s.swept({}, rerun(s, {node: recompute(s)}))))

    return Fault(kind, text, node.line, predict, rank=rank)


def rerun(s: Sweeper, other: Mapping[Node, Any]) -> dict[Node, Any]:
    """The forward values where some nodes have `other` ones, and what is made of these too."""
    values, moved = {**s.values, **other}, set(other)
    for later in s.order:
        if later not in other and any(a in moved for a in later.args):
            values[later] = apply(Floating({}), later, *(values[a] for a in later.args))
            moved.add(later)
    return values
