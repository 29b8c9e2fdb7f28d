"""A sum, mean or maximum of the forward pass over another axis than in the loss: a softmax over the examples."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

import numpy as np

from backproof.derivation.diagnosis.fault import Fault, Prediction, exchanged, whole
from backproof.derivation.diagnosis.forward import rerun
from backproof.derivation.diagnosis.places import Places
from backproof.derivation.diagnosis.sweeps import ELEMENTWISE, Sweeper
from backproof.graph.nodes import Node
from backproof.graph.sweep import apply
from backproof.truth.floating import Floating

Values = Mapping[Node, Any]
Form = Callable[[Sweeper], Any]  # what is reduced, as the user may have written it

WORDS = {"sum": "summed", "max": "maximised"}


def axes(sweeper: Sweeper, places: Places) -> Iterator[Fault]:
    """Every reduction over one axis, taken over another one."""
    for node in sweeper.order:
        if node.op not in WORDS or node.args[0] not in sweeper.active or len(node.attributes["axes"]) != 1:
            continue
        x, axis = node.args[0], node.attributes["axes"][0]
        for other in range(len(x.shape)):
            if other != axis and x.shape[other] > 1:
                name, where = places.name(x), f"over axis {other}, not over axis {axis}"
                text = f"{name} is {WORDS[node.op]} {where}"
                for form in _forms(x):
                    yield _fault(node, text, partial(_carried, node, axis, other, False, form))
                    if node.op == "sum":
                        averaged = f"{name} is averaged {where}"
                        yield _fault(node, averaged, partial(_carried, node, axis, other, True, form))
                        yield _fault(node, text, partial(_normalised, node, axis, other, form))


def _fault(node: Node, text: str, predict: Callable[[Sweeper], Prediction]) -> Fault:
    return Fault("wrong-axis", f"in the forward values, {text}", node.line, predict, rank=5)


def _forms(x: Node) -> Iterator[Form]:
    """The argument; of an exponential, also without what was subtracted against overflow: it cancels along one axis
    only."""
    yield lambda s: s.values[x]
    if x.op == "exp" and x.args[0].op == "subtract":
        z = x.args[0].args[0]
        yield lambda s: np.exp(s.values[z] - s.values[z].max())


def _carried(node: Node, axis: int, other: int, mean: bool, form: Form, s: Sweeper) -> Prediction:
    """All that is made of the reduction from where it is repeated over its argument's shape; the rules are right."""
    x, value = node.args[0], form(s)
    reduced = getattr(np, node.op)(value, axis=other, keepdims=True)
    repeated = _repeated(s, node, reduced * x.shape[axis] / x.shape[other] if mean else reduced)
    if not repeated:
        return whole({name: np.full(np.shape(truth), np.nan) for name, truth in s.truth.items()})
    shares = {
        n: partial(_share, axis) for n in s.order if n.op == "divide" and n.args[0] is x and n.args[1] in repeated
    }
    return whole(s.read(s.swept(shares, rerun(s, {x: value, **repeated}))))


def _share(axis: int, node: Node, g: Any, y: Any, x: Any, total: Any) -> Any:
    """The rule of y = x / (the sum of x over `axis`) as it is written by hand, all of it in the first argument's."""
    return (g - (g * y).sum(axis=axis, keepdims=True)) / total, None


def _repeated(s: Sweeper, node: Node, value: Any) -> Values:
    """The values of what repeats, over the shape of the reduction's argument, elementwise functions of `value`, which
    is of that shape but for one axis."""
    carried, found = {node: value}, dict[Node, Any]()
    for later in s.order:
        if not any(a in carried for a in later.args):
            continue
        if later.op == "broadcast" and later.shape == node.args[0].shape:
            found[later] = np.broadcast_to(carried[later.args[0]], later.shape)
        elif later.op in ("reshape", "broadcast"):
            carried[later] = carried[later.args[0]]
        elif later.op in ELEMENTWISE:
            arguments = [carried[a] if a in carried else _number(s.values[a]) for a in later.args]
            if all(a is not None for a in arguments):
                carried[later] = apply(Floating({}), later, *arguments)
    return found


def _number(value: Any) -> Any:
    """The one number that all of an array are, or None."""
    first = np.ravel(value)[:1]
    return first[0] if first.size and (value == first).all() else None


def _normalised(node: Node, axis: int, other: int, form: Form, s: Sweeper) -> Prediction:
    """What flows through the sum's argument, as where that is divided by its sum (the derivative of a logsumexp)."""
    x = node.args[0]
    right, value = s.values[x], form(s)
    right, value = (v / v.sum(axis=a, keepdims=True) for v, a in ((right, axis), (value, other)))
    return exchanged(s, s.flow(node, 0), s.propagate({x: s.locals(node)[0] * value / right}))
