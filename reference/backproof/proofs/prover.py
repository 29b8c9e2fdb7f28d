"""An equation and its proof: three links, each of which must hold; a counterexample where it is wrong."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from backproof.models import sigmoid
from backproof.models.model import Model
from backproof.proofs.conditions import complaint, holds, stated
from backproof.proofs.curvature import sigmoid_claims
from backproof.proofs.derivation import Derivation, derive
from backproof.proofs.links import Link, for_all_shapes, loss_for_all_shapes
from backproof.proofs.notation import Formula
from backproof.proofs.numbers import uses_sigma
from backproof.proofs.rationals import Counterexample, on_numbers
from backproof.proofs.refusals import Unread
from backproof.proofs.replay import replayed
from backproof.proofs.steps import Derivative
from backproof.proofs.symbols import Condition
from backproof.proofs.trace import Trace, trace

LINKS = {
    "all shapes": "for all n, m, k: the derivative of the loss minus the equation is 0",
    "code": "the code, run on numbers, returns what its index form says",
    "specification": "the loss is the specified one, and the code agrees with it in exact numbers",
}

GIVES_UP = (ArithmeticError, MemoryError, RecursionError, TypeError, ValueError)
"""What SymPy, flint and Python raise where code of the subset is too large or too odd for them."""


@dataclass(frozen=True)
class Equation:
    """The hand-derived gradient of one parameter, and what became of its proof."""

    model: str
    parameter: str
    shape: str  # its axes, as in "(k, n)"
    statement: str
    path: tuple[Derivative, ...]  # from the output back to the parameter
    links: Mapping[str, Link]
    conditions: frozenset[Condition]  # what its divisors and roots need
    counterexample: Counterexample | None
    seconds: float
    unread: str | None = None  # why the code is not read

    @property
    def proved(self) -> bool:
        return self.counterexample is None and self.reason is None

    @property
    def reason(self) -> str | None:
        """Why it is neither proved nor refuted; None where it is."""
        if self.unread or self.counterexample:
            return self.unread
        for condition in sorted(self.conditions, key=str):
            if not holds(condition):
                return complaint(condition)
        for name, link in self.links.items():
            if not link.holds:
                return f"{name}: {link.detail}"
        for each in self.path:
            if not each.holds:
                return f"the line of the code for d{each.variable} is not what was derived"
        return None

    @property
    def provisos(self) -> list[Formula]:
        """The side conditions, each once."""
        return stated(self.conditions)

    def as_json(self) -> dict[str, Any]:
        counterexample = self.counterexample
        return {
            "model": self.model,
            "parameter": self.parameter,
            "shape": self.shape,
            "statement": self.statement,
            "proved": self.proved,
            "counterexample": None if counterexample is None else dict(vars(counterexample)),
            "reason": self.reason,
            "conditions": [each.text for each in self.provisos],
            "seconds": self.seconds,
            "links": {name: {"holds": link.holds, "detail": link.detail} for name, link in self.links.items()},
            "steps": [
                {"of": each.variable, "kind": step.kind, "formula": step.formula.text, "holds": step.holds}
                for each in self.path
                for step in each.steps
            ],
        }


def prove(model: Model, derivation: Derivation | None = None) -> Iterator[Equation]:
    """The equations of a model with their proofs, one by one, in the order of its parameters.

    `derivation` is `derive(model)`, where the caller has it already.
    """
    derivation = derivation or derive(model)
    try:
        traced = trace(model)
        code, specified = replayed(traced), loss_for_all_shapes(traced)
        if uses_sigma(traced) and not all(claim.holds for claim in sigmoid_claims(sigmoid)):
            code = dict.fromkeys(code, Link(False, "sigmoid is not what its lemma says"))
    except (Unread, *GIVES_UP) as error:
        for name in model.params:
            yield _unread(model, name, derivation, _given_up(error))
        return
    for name in model.params:
        try:
            yield prove_equation(traced, name, derivation, code[name], specified)
        except GIVES_UP as error:
            yield _unread(model, name, derivation, _given_up(error))


def prove_equation(traced: Trace, name: str, derivation: Derivation | None, code: Link, specified: Link) -> Equation:
    """The proof of the gradient of parameter `name`.

    `code` is its second link, and `specified` what the third says of the loss. A derivation that is None has no steps.
    """
    started = time.perf_counter()
    model = traced.model
    numbers, counterexample = on_numbers(traced, name)
    if not code.holds:  # the numbers may be of other operations than the code's
        counterexample = None
    links = {
        "all shapes": for_all_shapes(traced, name),
        "code": code,
        "specification": numbers if specified.holds else Link(False, specified.detail),
    }
    try:
        conditions = traced.conditions(name)
    except Unread:
        conditions = frozenset()
    return Equation(
        model.name,
        name,
        _axes(model, name),
        _statement(name, derivation),
        tuple(derivation.path(name)) if derivation else (),
        links,
        conditions,
        counterexample,
        round(time.perf_counter() - started, 3),
    )


def _unread(model: Model, name: str, derivation: Derivation | None, reason: str) -> Equation:
    links = {link: Link(False) for link in LINKS}
    return Equation(
        model.name, name, _axes(model, name), _statement(name, derivation), (), links, frozenset(), None, 0.0, reason
    )


def _given_up(error: BaseException) -> str:
    if isinstance(error, Unread):
        return str(error)
    return f"the prover gives up: {type(error).__name__}: {' '.join(str(error).split())}"


def _axes(model: Model, name: str) -> str:
    """As the file declares them, which may be anything; of a parameter without axes, "()"."""
    axes = model.shapes.get(name) if isinstance(model.shapes, Mapping) else None
    return f"({', '.join(axes.split() if isinstance(axes, str) else [])})"


def _statement(name: str, derivation: Derivation | None) -> str:
    """The equation and the lines it is made of, as they stand in the code."""
    if derivation is None:
        return f"dL/d{name}"
    lines = [each.line for each in reversed(derivation.path(name)) if each.line]
    equation, *others = [f"d{each.target.removeprefix('d')} = {each.text}" for each in lines]
    stated = f"dL/{equation}"
    return stated + (f", where {', '.join(others)}" if others else "")
