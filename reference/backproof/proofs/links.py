"""The symbolic links of a proof: the equation, and the loss it belongs to, in index notation for all shapes."""

from __future__ import annotations

from dataclasses import dataclass

from sympy import Expr, Symbol, diff

from backproof.models.model import Model
from backproof.proofs.namespace import inputs, shape_of
from backproof.proofs.refusals import Unread
from backproof.proofs.specification import LOSSES
from backproof.proofs.sums import TooLarge, simplified
from backproof.proofs.symbols import index
from backproof.proofs.trace import Trace

FREE = {"n": "q", "m": "r", "k": "p"}  # the letter of a free index, by what it ranges over


@dataclass(frozen=True)
class Link:
    """One link for one equation: does it hold, and if not, what is left over or went wrong."""

    holds: bool
    detail: str = ""


def shortened(text: str, width: int) -> str:
    """`text`, cut at this width."""
    return text if len(text) <= width else f"{text[: width - 3]}..."


def free_indices(model: Model, name: str) -> dict[Symbol, Expr]:
    """An index for each axis of `name`, with the axis's size."""
    return {index(FREE.get(str(size), f"u{axis}")): size for axis, size in enumerate(shape_of(model, name))}


def for_all_shapes(trace: Trace, name: str) -> Link:
    """Link 1: with symbolic n, m and k, the derivative of the loss by `name` minus the equation is zero."""
    free = free_indices(trace.model, name)
    try:
        claim = trace.gradient(name).entry(*free)
        derivative = diff(trace.loss.entry(), inputs(trace.model)[name].entry(*free))
        difference = simplified(derivative - claim, free)
    except (Unread, TooLarge) as reason:
        return Link(False, str(reason))
    return Link(difference == 0, "" if difference == 0 else f"left over: {shortened(str(difference), 200)}")


def loss_for_all_shapes(trace: Trace) -> Link:
    """The first half of link 3: with symbolic n, m and k, the loss of the code is the specified one."""
    specified = LOSSES.get(trace.model.name)
    if specified is None:
        return Link(False, f"there is no specification of {trace.model.name}")
    try:
        difference = simplified(trace.loss.entry() - specified)
    except TooLarge as reason:
        return Link(False, str(reason))
    return Link(
        difference == 0,
        "" if difference == 0 else f"the loss is not the specified one: left over {shortened(str(difference), 200)}",
    )
