"""An equation and its proof: three links, each of which must hold; a counterexample where it is wrong."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from backproof.models.model import Model
from backproof.proofs.derivation import Derivation, derive
from backproof.proofs.links import Link, for_all_shapes, on_symbols
from backproof.proofs.rationals import Counterexample, on_numbers
from backproof.proofs.steps import Derivative

LINKS = {
    "all shapes": "for all n, m, k: the derivative of the loss minus the equation is 0",
    "code": "the code, run on symbols, returns the derivatives of its own loss",
    "specification": "the code, in exact numbers, agrees with the loss written out in loops",
}


@dataclass(frozen=True)
class Equation:
    """The hand-derived gradient of one parameter, and what became of its proof."""

    model: str
    parameter: str
    shape: str  # its axes, as in "(k, n)"
    statement: str
    path: tuple[Derivative, ...]  # from the output back to the parameter
    links: Mapping[str, Link]
    counterexample: Counterexample | None
    seconds: float

    @property
    def proved(self) -> bool:
        return all(link.holds for link in self.links.values()) and all(each.holds for each in self.path)

    def as_json(self) -> dict[str, Any]:
        counterexample = self.counterexample
        return {
            "model": self.model,
            "parameter": self.parameter,
            "shape": self.shape,
            "statement": self.statement,
            "proved": self.proved,
            "counterexample": None if counterexample is None else dict(vars(counterexample)),
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
    for name in model.params:
        yield prove_equation(model, name, derivation)


def prove_equation(model: Model, name: str, derivation: Derivation | None) -> Equation:
    """The proof of the gradient of parameter `name`; a derivation that is None has no steps to verify."""
    started = time.perf_counter()
    numbers, counterexample = on_numbers(model, name)
    links = {"all shapes": for_all_shapes(model, name), "code": on_symbols(model, name), "specification": numbers}
    path = derivation.path(name) if derivation else []
    return Equation(
        model.name,
        name,
        f"({', '.join(model.shapes[name].split())})",
        _statement(name, derivation),
        tuple(path),
        links,
        counterexample,
        round(time.perf_counter() - started, 3),
    )


def _statement(name: str, derivation: Derivation | None) -> str:
    """The equation and the lines it is made of, as they stand in the code."""
    if derivation is None:
        return f"dL/d{name}"
    lines = [each.line for each in reversed(derivation.path(name)) if each.line]
    equation, *others = [f"d{each.target.removeprefix('d')} = {each.text}" for each in lines]
    stated = f"dL/{equation}"
    return stated + (f", where {', '.join(others)}" if others else "")
