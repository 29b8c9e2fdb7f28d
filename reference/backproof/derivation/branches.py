"""Choices of a loss that every sample makes the same way: a mistake on the other side could not be seen."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from backproof.derivation.diagnosis.places import Places
from backproof.derivation.samples import Sample
from backproof.graph.reverse import dependents
from backproof.graph.sweep import evaluate
from backproof.truth.floating import Floating

CHOICES = ("where", "maximum", "abs")


def untaken(samples: Sequence[Sample], source: str) -> Iterator[str]:
    """One sentence for every expression, on a way from a parameter to the loss, of which one side is never taken."""
    sides: dict[Any, set[bool]] = {}
    names: dict[Any, str] = {}
    for sample in samples:
        graph, trace = sample.graph, sample.graph.trace
        with np.errstate(all="ignore"):
            values = evaluate([trace.loss], Floating(sample.arrays))
        order = [node for node in graph.order if node in values]
        active = dependents(order, [trace.inputs[name] for name in trace.gradients if name in trace.inputs])
        places = Places(source, graph.order, trace)
        before: Counter[Any] = Counter()
        for node in order:
            if node.op in CHOICES and node in active and node.span:
                first, *second = (values[arg] for arg in node.args)
                taken = first > second[0] if node.op == "maximum" else first > 0
                before[node.op, node.span] += 1  # a clip makes two choices
                key = (node.op, node.span, before[node.op, node.span])
                sides.setdefault(key, set()).update(np.unique(taken).tolist())
                names[key] = f"{places.name(node)} (the {places.operation(node)})"
    for key in sides:
        if len(sides[key]) == 1:
            yield f"only one side of {names[key]} is ever taken: the other is not checked; let `sample` draw both"
