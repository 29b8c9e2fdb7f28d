"""Faults of local derivatives: left out, of another function, at another point."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from backproof.derivation.diagnosis.fault import Fault, Prediction, exchanged, whole
from backproof.derivation.diagnosis.places import Places
from backproof.derivation.diagnosis.sweeps import ELEMENTWISE, Sweeper
from backproof.graph.functions import FUNCTIONS
from backproof.graph.nodes import Node
from backproof.graph.reverse import RULES
from backproof.graph.sweep import apply

Formula = Callable[[Any, Any, Any], Any]  # x, y, dy/dx -> what the user may have put for dy/dx

# {x} and {y} become the names of argument and result, {d} the derivative of the one by the other.
FORMULAS: dict[str, Formula] = {
    "1": lambda x, y, d: np.ones_like(d),
    "{y} (1 + {y})": lambda x, y, d: y * (1 + y),
    "{y} (1 - {y})": lambda x, y, d: y * (1 - y),
    "1 - {y}^2": lambda x, y, d: 1 - y * y,
    "1 + {y}^2": lambda x, y, d: 1 + y * y,
    "{y}": lambda x, y, d: y,
    "1 - {y}": lambda x, y, d: 1 - y,
    "1 + {y}": lambda x, y, d: 1 + y,
    "{y}^2": lambda x, y, d: y * y,
    "{x}": lambda x, y, d: x,
    "{x}^2": lambda x, y, d: x * x,
    "1 - {x}^2": lambda x, y, d: 1 - x * x,
    "1 - {x}": lambda x, y, d: 1 - x,
    "{x} (1 - {x})": lambda x, y, d: x * (1 - x),
    "1/{x}": lambda x, y, d: 1 / x,
    "1/{y}": lambda x, y, d: 1 / y,
    "1/{x}^2": lambda x, y, d: 1 / (x * x),
    "the inverse of {d}": lambda x, y, d: 1 / d,
    "the square of {d}": lambda x, y, d: d * d,
    "the root of {d}": lambda x, y, d: np.sqrt(np.abs(d)),
    "1 where {x} < 0": lambda x, y, d: (x < 0).astype(float),
    "1 - {d}": lambda x, y, d: 1 - d,
    "{d} times {x}": lambda x, y, d: d * x,
    "{d} times {y}": lambda x, y, d: d * y,
    "{d} over {x}": lambda x, y, d: d / x,
}
DERIVATIVES = {name: function.derivative for name, function in FUNCTIONS.items()} | {
    "abs": "the sign of {x}",
    "maximum": "1 where {x} is the larger",
}
UNARY = (*FUNCTIONS, "abs", "maximum", "power")
# Operations of whose derivatives one thinks as 1/x.
INVERSE = (*(name for name, function in FUNCTIONS.items() if function.like_reciprocal), "power", "divide")
LONGEST = 12  # operations in an expression whose derivative is tried as one


def derivatives(sweeper: Sweeper, places: Places) -> Iterator[Fault]:
    """Every elementwise y of x with another derivative; functions of one line at all their steps too."""
    for y in sweeper.order:
        if y in sweeper.adjoint and y.op in ELEMENTWISE and y.shape == _operand(y, sweeper).shape:
            for x, d in list(sweeper.elementwise_below(y).items())[:LONGEST]:
                if np.ptp(d) > 0 or y.op == "maximum":
                    yield from _pairs(sweeper, places, x, y)
            if y.op == "where":
                yield from _branches(sweeper, places, y)
    for nodes in repeated(sweeper):
        if nodes[0].op in UNARY:
            yield from _everywhere(places, nodes)


def _branches(sweeper: Sweeper, places: Places, y: Node) -> Iterator[Fault]:
    """A choice differentiated as if it had always been made the same way, or the other way round."""
    ways: dict[str, Callable[[Any], Any]] = {
        "its first branch everywhere": np.ones_like,
        "its second branch everywhere": np.zeros_like,
        "the branch that was not taken": lambda c: 1 - c,
    }
    for way, choose in ways.items():

        def rule(node: Node, g: Any, y: Any, c: Any, a: Any, b: Any, choose: Any = choose) -> Any:
            return RULES["where"](node, g, y, choose(c), a, b)

        text = f"the derivative of {places.name(y)} is that of {way}"
        yield Fault("wrong-derivative", text, y.line, _sweep({y: rule}), rank=1)
    for other in sweeper.order:
        if other.shape == y.shape and other.op != "constant":

            def by_other(s: Sweeper, other: Node = other) -> Prediction:
                def rule(node: Node, g: Any, y: Any, c: Any, a: Any, b: Any) -> Any:
                    return RULES["where"](node, g, y, s.values[other] > 0, a, b)

                return whole(s.read(s.swept({y: rule})))

            text = f"the branch of {places.name(y)} is chosen by the sign of {places.name(other)}"
            yield Fault("wrong-operand", text, y.line, by_other, rank=3)


def _operand(y: Node, sweeper: Sweeper) -> Node:
    return next((a for a in y.args if a in sweeper.active), y)


def repeated(sweeper: Sweeper) -> list[list[Node]]:
    """Nodes of one operation on one line, where the loss made several: a loop's steps."""
    groups: dict[Any, list[Node]] = {}
    for node in sweeper.order:
        if node in sweeper.adjoint and node.span:
            groups.setdefault((node.op, node.span, node.shape), []).append(node)
    return [nodes for nodes in groups.values() if len(nodes) > 1]


def _pairs(sweeper: Sweeper, places: Places, x: Node, y: Node) -> Iterator[Fault]:
    for name, formula in FORMULAS.items():
        if name.startswith("1/") and y.op not in INVERSE:
            continue  # a coincidence of algebra, not a mistake

        def predict(s: Sweeper, formula: Formula = formula) -> Prediction:
            d = s.elementwise_below(y)[x]
            with np.errstate(all="ignore"):
                put = formula(s.values[x], s.values[y], d)
            return exchanged(s, s.elementwise_flow(x, y), s.propagate({x: s.adjoint[y] * put}))

        yield _fault(places, name, x, y, predict)
    if y.args[0] is x and y.op in UNARY:
        yield _fault(places, "its derivative at {y}", x, y, lambda s: _at_result(s, [y]))


def _everywhere(places: Places, nodes: list[Node]) -> Iterator[Fault]:
    for name, formula in FORMULAS.items():

        def rule(node: Node, g: Any, y: Any, *args: Any, formula: Formula = formula) -> Any:
            right = RULES[node.op](node, np.ones(node.shape), y, *args)
            with np.errstate(all="ignore"):
                return [None if d is None else g * formula(a, y, d) for a, d in zip(args, right, strict=True)]

        replaced = dict.fromkeys(nodes, rule)
        yield _fault(places, name, nodes[0].args[0], nodes[0], _sweep(replaced))
    yield _fault(places, "its derivative at {y}", nodes[0].args[0], nodes[0], lambda s: _at_result(s, nodes))


def _sweep(replaced: Mapping[Node, Any]) -> Callable[[Sweeper], Prediction]:
    return lambda s: whole(s.read(s.swept(replaced)))


def _at_result(s: Sweeper, nodes: list[Node]) -> Prediction:
    """The function's derivative taken at its result instead of its argument."""
    from backproof.truth.floating import Floating

    def rule(node: Node, g: Any, y: Any, *args: Any) -> Any:
        again = apply(Floating({}), node, y, *args[1:])
        return RULES[node.op](node, g, again, y, *args[1:])

    with np.errstate(all="ignore"):
        return whole(s.read(s.swept(dict.fromkeys(nodes, rule))))


def _fault(places: Places, name: str, x: Node, y: Node, predict: Callable[[Sweeper], Prediction]) -> Fault:
    what = places.operation(y)
    if name == "1":
        right = DERIVATIVES.get(y.op, "") if y.args and y.args[0] is x else ""
        right = f", {right.format(x=places.name(x), y=places.name(y))}" if right else ""
        by = "" if y in places.inside else f" by {places.name(x)}{right}"
        text = f"yours lacks the derivative of {places.name(y)}{by} (the {what})"
        return Fault("missing-derivative", text, y.line, predict, rank=0)
    right = f"the derivative of {places.name(y)} by {places.name(x)}"
    put = name.format(x=places.name(x), y=places.name(y), d=right)
    text = f"yours has {put} (the {what})" if "{d}" in name else f"yours has {put} for {right} (the {what})"
    by_derivative = "{d}" in name or "derivative" in name
    return Fault("wrong-derivative", text, y.line, predict, rank=2 if by_derivative else 1)
