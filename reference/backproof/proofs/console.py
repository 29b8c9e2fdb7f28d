"""Proofs as plain text of at most 80 columns, for the terminal."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence

from backproof.proofs.lemmas import Lemma
from backproof.proofs.prover import Equation
from backproof.proofs.rationals import Counterexample

WIDTH, LABEL = 80, 15


def model_in_text(equations: Sequence[Equation]) -> Iterator[str]:
    """The equations of one model; a derivative that several of them need is derived where it is first needed."""
    derived: set[str] = set()
    for equation in equations:
        yield from _equation(equation, derived)
        yield ""


def _equation(equation: Equation, derived: set[str]) -> Iterator[str]:
    yield f"{equation.model}: {equation.parameter} {equation.shape}"
    statement, _, where = equation.statement.partition(", where ")
    yield from _labelled("statement", statement)
    yield from _labelled("where", where)
    known = [each.variable for each in equation.path if each.variable in derived]
    if known:
        yield from _labelled("from above", ", ".join(f"d{name}" for name in known))
    for derivative in equation.path:
        if derivative.variable in derived:
            continue
        derived.add(derivative.variable)
        for step in derivative.steps:
            yield from _labelled(step.kind, step.formula.text)
            if not step.holds:
                yield from _labelled("WRONG", "this line of the code is not what was derived")
    yield from _verdict(equation)


def _verdict(equation: Equation) -> Iterator[str]:
    took = f"({equation.seconds:.2f} s)"
    if equation.counterexample is not None:
        for name, link in equation.links.items():
            if not link.holds and link.detail:
                yield from _labelled(name, link.detail)
        yield from _labelled("REFUTED", f"in {equation.seconds:.2f} s, by a counterexample:")
        yield from _counterexample(equation.counterexample)
    elif equation.proved:
        yield from _labelled("provided", ", ".join(each.text for each in equation.provisos))
        how = "for all shapes; the code on numbers; the specification in exact numbers"
        yield from _labelled("PROVED", f"{how} {took}")
    else:
        yield from _labelled("NOT PROVED", f"{equation.reason} {took}")


def _counterexample(found: Counterexample) -> Iterator[str]:
    yield from _labelled("shape", ", ".join(f"{letter} = {size}" for letter, size in found.shape.items()))
    for name, value in found.inputs.items():
        yield from _labelled(f"  {name}", str(value).replace("'", ""))
    yield from _labelled("equation", f"{found.component}: {found.claimed}")
    yield from _labelled("derivative", f"{found.component}: {found.derivative}")


def lemma_in_text(lemma: Lemma) -> Iterator[str]:
    """One lemma: its statement, whom it was shown for, the verdict."""
    yield f"lemma: {lemma.text.title}"
    yield from _labelled("statement", lemma.text.statement)
    yield from _labelled("models", ", ".join(lemma.claims))
    for model, claims in lemma.claims.items():
        for claim in claims:
            if not claim.holds:
                yield from _labelled("NOT PROVED", f"{model}: {claim.formula.text}")
    for model, reason in lemma.unread.items():
        yield from _labelled("NOT PROVED", f"{model}: {reason}")
    if lemma.proved:
        count = sum(len(claims) for claims in lemma.claims.values())
        yield from _labelled("PROVED", f"{count} claims, for all shapes ({lemma.seconds:.2f} s)")
    yield ""


def _labelled(label: str, text: str) -> list[str]:
    """`text` beside its label, wrapped; nothing if there is none."""
    return textwrap.wrap(
        text,
        WIDTH,
        initial_indent=f"  {label:<{LABEL}}",
        subsequent_indent=" " * (LABEL + 2),
        break_on_hyphens=False,
    )
