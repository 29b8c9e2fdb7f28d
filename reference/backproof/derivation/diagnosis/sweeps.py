"""Numeric sweeps of a traced loss, with local rules or values replaced."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any

import numpy as np

from backproof.derivation.samples import Sample
from backproof.graph.functions import FUNCTIONS
from backproof.graph.nodes import Node
from backproof.graph.reverse import RULES, Rule, dependents, sweep
from backproof.graph.sweep import evaluate
from backproof.truth.floating import Floating

Tensors = dict[str, Any]


def size(values: Any) -> float:
    """The largest |value|; 0 where there is none."""
    return float(np.max(np.abs(values), initial=0.0))


class Sweeper:
    """One sample's graph in float64: forward values, adjoints, and what they become under a fault."""

    def __init__(self, sample: Sample) -> None:
        self.sample = sample
        trace = sample.graph.trace
        self.targets = {n: trace.taps[n] if n in trace.taps else trace.inputs[n] for n in trace.gradients}
        self.loss = trace.loss
        self.order = [node for node in sample.graph.order if node.serial <= trace.loss.serial]
        self.active = dependents(self.order, self.targets.values())
        self.values: dict[Node, Any] = evaluate([trace.loss, *self.targets.values()], Floating(sample.arrays))
        self.order = [node for node in self.order if node in self.values]
        self.active = {node for node in self.active if node.size}  # nothing flows through what is empty
        self.active -= self._stabilisers()
        self._elementwise: dict[Node, dict[Node, Any]] = {}
        self._through: dict[tuple[Node, int], Tensors] = {}
        self._flows: dict[tuple[Node, Node], Tensors] = {}

    def _stabilisers(self) -> set[Node]:
        """Maxima through which nothing flows on balance, as in a stable logsumexp: people take them for constants."""
        found = [node for node in self.order if node.op == "max" and node in self.active]
        adjoint = self.swept({}) if found else {}
        largest = max(map(size, adjoint.values()), default=0.0)
        return {n for n in found if n in adjoint and size(adjoint[n]) <= 2.0**-40 * largest}

    def swept(self, replaced: Mapping[Node, Rule], values: Mapping[Node, Any] | None = None) -> dict[Node, Any]:
        """Every node's adjoint, with rules replaced."""
        adjoint: dict[Node, Any] = {self.loss: np.asarray(1.0)}
        sweep(self.order, self.active, adjoint, self.values if values is None else values, replaced)
        return adjoint

    @cached_property
    def adjoint(self) -> dict[Node, Any]:
        return self.swept({})

    @cached_property
    def truth(self) -> Tensors:
        return self.read(self.adjoint)

    def read(self, adjoint: Mapping[Node, Any]) -> Tensors:
        """The adjoints of the parameters and taps."""
        return {n: adjoint[t] if t in adjoint else np.zeros(t.shape) for n, t in self.targets.items()}

    def locals(self, node: Node) -> Any:
        """What the right rule of `node` hands each argument."""
        return RULES[node.op](node, self.adjoint[node], self.values[node], *(self.values[a] for a in node.args))

    def propagate(self, seeds: Mapping[Node, Any]) -> Tensors:
        """What adjoints `seeds`, put in at their nodes, add to the gradients: the sweep is linear in them."""
        adjoint = dict(seeds)
        last = max(node.serial for node in seeds)
        below = [node for node in self.order if node.serial <= last]
        sweep(below, self.active, adjoint, self.values, {})
        return self.read(adjoint)

    def flow(self, node: Node, i: int) -> Tensors:
        """What reaches the gradients through argument `i` of `node`."""
        if (node, i) not in self._through:
            self._through[node, i] = self.propagate({node.args[i]: self.locals(node)[i]})
        return self._through[node, i]

    def elementwise_below(self, y: Node) -> dict[Node, Any]:
        """The nodes x that y is an elementwise function of, with its derivative dy/dx at every component."""
        if y not in self._elementwise:
            self._elementwise[y] = self._derivatives_below(y)
        return self._elementwise[y]

    def elementwise_flow(self, x: Node, y: Node) -> Tensors:
        """What reaches the gradients through x on elementwise ways from y."""
        if (x, y) not in self._flows:
            self._flows[x, y] = self.propagate({x: self.adjoint[y] * self.elementwise_below(y)[x]})
        return self._flows[x, y]

    def _derivatives_below(self, y: Node) -> dict[Node, Any]:
        tainted: set[Node] = set()  # reached by other ways too: no elementwise function
        adjoint: dict[Node, Any] = {y: np.ones(y.shape)}
        for node in reversed([n for n in self.order if n.serial <= y.serial]):
            if node in tainted and node.args:
                tainted.update(a for a in node.args if a in self.active)
            if node not in adjoint or node in tainted or not node.args:
                continue
            inside = [a for a in node.args if a in self.active]
            if node.op not in ELEMENTWISE or any(a.shape != y.shape for a in inside):
                tainted.update(inside)
                continue
            local = RULES[node.op](node, adjoint[node], self.values[node], *(self.values[a] for a in node.args))
            for arg, g in zip(node.args, local, strict=True):
                if g is not None and arg in self.active:
                    adjoint[arg] = adjoint[arg] + g if arg in adjoint else g
        return {x: d for x, d in adjoint.items() if x not in tainted and x is not y}


_ARITHMETIC = {"add", "subtract", "negative", "multiply", "divide", "power", "abs", "maximum", "where"}
ELEMENTWISE = _ARITHMETIC | set(FUNCTIONS)
