"""The derivation one would write on paper: from the loss back to each parameter, one line of the forward at a time.

Every step is computed, not quoted: a line of `forward` is differentiated with its arguments as
independent variables, the chain rule sums over the entries of the line, the Kronecker deltas collapse,
and the result must be the line of `backward` that claims it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from backproof.models.model import Model
from backproof.proofs.display import lettered, numbered, summed_indices
from backproof.proofs.namespace import Namespace, inputs
from backproof.proofs.notation import Formula, both
from backproof.proofs.refusals import Unread
from backproof.proofs.source import Source, read
from backproof.proofs.steps import Derivative, Writer
from backproof.proofs.sums import TooLarge
from backproof.proofs.tensors import Tensor
from backproof.proofs.trace import trace

UNWRITTEN = (ArithmeticError, AttributeError, LookupError, NameError, RuntimeError, TypeError, ValueError)
"""What the steps meet in code that is read, but is not laid out in lines as the steps need it."""


@dataclass(frozen=True)
class Derivation:
    """All of a model: the lines of the forward with their entries, and the derivatives in reverse order."""

    source: Source
    tensors: Mapping[str, Tensor]
    entries: Mapping[str, Formula]  # of the forward's lines, and "L"
    derivatives: Mapping[str, Derivative]  # of the output first, then back to the parameters

    @property
    def scalars(self) -> list[str]:
        return [name for name, tensor in self.tensors.items() if tensor.dims == ()]

    def path(self, parameter: str) -> list[Derivative]:
        """The derivatives from the output back to this parameter."""
        chain, name = [self.derivatives[parameter]], parameter
        while consumers := [line for line in self.source.forward if name in line.names]:
            name = consumers[0].target
            chain.insert(0, self.derivatives[name])
        return chain


def derive(model: Model) -> Derivation | None:
    """The derivation of every gradient of the model, or None where its source cannot be read as equations."""
    try:
        trace(model)
        source = read(model)
        return None if source is None else _derive(model, source)
    except (TooLarge, Unread, *UNWRITTEN):
        return None


def _derive(model: Model, source: Source) -> Derivation:
    tensors: dict[str, Tensor] = dict(inputs(model))
    entries: dict[str, Formula] = {}
    lines: dict[str, Tensor] = {}  # each line of the forward, in terms of the variables before it
    for line in source.forward:
        lines[line.target] = line.evaluate({**tensors, "xp": Namespace}, source.scope)
        tensors[line.target] = Tensor.named(line.target, lines[line.target].dims)
        entries[line.target] = _entry_of(line.target, lines[line.target])
    loss = model.loss(Namespace, **inputs(model), tap=lambda name, _: tensors[name]).entry()
    entries["L"] = both(lambda n: f"L = {n.expression(lettered(loss))}")
    writer = Writer(source, tensors, lines, loss)
    order = [line.target for line in reversed(source.forward)] + list(model.params)
    return Derivation(source, tensors, entries, {name: writer.derivative(name) for name in order})


def _entry_of(name: str, line: Tensor) -> Formula:
    indices = summed_indices(line.dims)
    written = lettered(line.entry(*indices))
    return both(lambda n: f"{n.entry(name, numbered(indices))} = {n.expression(written)}")
