"""What a derivation is checked on: several shapes and seeds, every dimension distinct and greater than 1."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from backproof.core.errors import InputError
from backproof.derivation.process import UserProcess
from backproof.graph.nodes import Node
from backproof.graph.sweep import rebuild
from backproof.graph.tracing import Trace
from backproof.models.model import Dims, Model
from backproof.truth.balls import middles
from backproof.truth.confirm import confirm
from backproof.truth.quantities import Quantity, certified

# Sizes by letter, in the order of Model.letters. A factor is told from another by its values at the three shapes.
SIZES = ((3, 7, 5, 4, 6, 2), (5, 4, 3, 6, 2, 7), (2, 5, 7, 3, 4, 6))
SEEDS = (0, 1, 2)  # at the first shape; one at each other


@dataclass(eq=False)
class Graph:
    """A loss traced at one shape. `order` lists its nodes, arguments first."""

    dims: Dims
    order: list[Node]
    trace: Trace


@dataclass(eq=False)
class Sample:
    """Arrays, the loss traced at their shape, and the truth there."""

    graph: Graph
    seed: int
    arrays: Mapping[str, Any]
    answers: dict[str, Any] = field(default_factory=dict)  # the user's gradients: float64 arrays by name

    @cached_property
    def quantities(self) -> dict[str, Quantity]:
        """The certified truth of every gradient, taps included. Raises Undecided at a kink."""
        trace = self.graph.trace
        found = certified([trace.loss, *trace.gradients.values()], self.arrays, "float64")
        truths = {name: found[node] for name, node in trace.gradients.items()}
        confirm(trace, self.arrays, {name: q.value for name, q in truths.items() if name in trace.inputs})
        return truths

    @cached_property
    def truths(self) -> dict[str, Any]:
        """The truth rounded to float64."""
        return {name: middles(q.value) for name, q in self.quantities.items()}

    @property
    def where(self) -> str:
        """The sample as a person calls it."""
        return written(self.graph.dims) or "scalars"


def written(dims: Dims) -> str:
    """Sizes as a person writes them: "n = 3, m = 7"."""
    return ", ".join(f"{letter} = {size}" for letter, size in dims.items())


def all_dims(model: Model) -> list[dict[str, int]]:
    """The shapes of SIZES, pairwise distinct and distinct from literal sizes."""
    return list({tuple(d.values()): d for d in (sizes(model, row) for row in SIZES)}.values())


def sizes(model: Model, preferred: tuple[int, ...]) -> dict[str, int]:
    """A size for every letter, from `preferred` as far as it goes and no literal size takes it."""
    literals = {int(a) for axes in model.shapes.values() for a in axes.split() if a.isdigit()}
    free = [s for s in (*preferred, *range(8, 64)) if s not in literals]
    free = list(dict.fromkeys(free))
    return dict(zip(model.letters, free, strict=False))


def build(user: UserProcess, model: Model, dims: Dims) -> Graph:
    """Trace the loss at `dims` in the user's process. Raises InputError."""
    rows, loss, inputs, taps = traced_rows(user, dims)
    order = rebuild(rows)
    named = [{name: order[i] for name, i in places.items()} for places in (inputs, taps)]
    trace = Trace(named[0], order[loss], named[1], {})
    return Graph(dims, order, trace.differentiated([*model.params, *(tap for tap in taps if tap not in model.shapes)]))


def traced_rows(user: UserProcess, dims: Dims) -> Any:
    """The answer of `child` to "trace". Raises InputError, which names the sizes: at others the loss may do."""
    try:
        return user.ask("trace", dims)
    except InputError as error:
        raise InputError(f"{error} (at {written(dims)})" if dims else str(error)) from None


def draw(user: UserProcess, model: Model, seed: int) -> list[Sample]:
    """The samples, three of the first shape. Raises InputError for what the file gets wrong."""
    samples = []
    for i, dims in enumerate(all_dims(model)):
        graph = build(user, model, dims)
        for offset in SEEDS if i == 0 else SEEDS[:1]:
            number = seed + 10 * i + offset
            samples.append(Sample(graph, number, user.ask("draw", dims, number)))
    first = samples[0]
    active = [name for name in model.params if first.graph.trace.inputs[name].size]
    if not active:
        raise InputError(f"{user.path}: no parameter has a component")
    return samples
