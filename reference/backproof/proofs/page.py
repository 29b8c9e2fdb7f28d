"""The derivations as a page for students: what stands on it, before it is Markdown or LaTeX.

A page is a list of blocks. Nothing on it depends on the day or the machine, so it can be compared.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from backproof.models.model import Model
from backproof.proofs import words
from backproof.proofs.derivation import Derivation
from backproof.proofs.lemmas import Lemma
from backproof.proofs.notation import LATEX
from backproof.proofs.prover import LINKS, Equation
from backproof.proofs.steps import Derivative


@dataclass(frozen=True)
class Heading:
    """A title, of level 1 to 6."""

    level: int
    text: str


@dataclass(frozen=True)
class Paragraph:
    """Prose with $formulas$ and `code`."""

    text: str


@dataclass(frozen=True)
class Display:
    """A formula on a line of its own, with the shape of what it gives."""

    latex: str
    shape: str = ""


@dataclass(frozen=True)
class Table:
    """A table of prose."""

    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


Block = Heading | Paragraph | Display | Table


@dataclass(frozen=True)
class Chapter:
    """A model with its derivation and what was proved of it."""

    model: Model
    derivation: Derivation | None
    equations: tuple[Equation, ...]


def page(chapters: Sequence[Chapter], lemmas: Sequence[Lemma]) -> list[Block]:
    """All there is to say of these models."""
    blocks: list[Block] = [Heading(1, "Derivations"), *map(Paragraph, words.OPENING)]
    blocks += [Heading(2, "Notation, and the rules that are used"), *map(Paragraph, words.NOTATION)]
    for rule, formula in words.RULES:
        blocks += [Paragraph(rule), Display(formula)]
    for chapter in chapters:
        blocks += _chapter(chapter)
    blocks.append(Heading(2, "Lemmas"))
    for lemma in lemmas:
        blocks += _lemma(lemma)
    return [*blocks, *_verdicts([each for chapter in chapters for each in chapter.equations])]


def _chapter(chapter: Chapter) -> Iterator[Block]:
    model, derivation = chapter.model, chapter.derivation
    yield Heading(2, model.title or model.name)
    yield Paragraph(f"In the code: `backproof/models/{model.name}.py`. The arrays:")
    rows = [(f"${LATEX.name(name)}$", words.ARRAYS[name], _axes(model, name)) for name in model.shapes]
    yield Table(("array", "what it is", "shape"), tuple(rows))
    if derivation is None:
        yield Paragraph("Its lines cannot be read as equations, so there is no derivation.")
    else:
        yield from _passes(model, derivation)


def _passes(model: Model, derivation: Derivation) -> Iterator[Block]:
    yield Heading(3, "Forward")
    yield Paragraph("Line by line, as a whole and entry by entry:")
    for line in derivation.source.forward:
        shape = _shape(derivation.tensors[line.target].dims)
        yield Display(f"{LATEX.name(line.target)} = {line.formula(derivation.scalars).latex}", shape)
        yield Display(derivation.entries[line.target].latex, shape)
    yield Paragraph("The loss is the mean of the squared errors:")
    yield Display(derivation.entries["L"].latex, "()")
    yield Heading(3, "Backward")
    for derivative in derivation.derivatives.values():
        yield from _derivative(model, derivative)
    yield Paragraph("Together, as the code has them:")
    yield Table(
        ("gradient", "equation", "shape"),
        tuple(
            (f"$d{LATEX.name(d.variable)}$", f"${d.line.formula(derivation.scalars).latex}$", f"${_shape(d.shape)}$")
            for d in derivation.derivatives.values()
            if d.line is not None
        ),
    )


def _derivative(model: Model, derivative: Derivative) -> Iterator[Block]:
    name = LATEX.name(derivative.variable)
    kind = "parameter" if derivative.variable in model.params else "intermediate"
    yield Heading(4, f"The gradient of the {kind} ${name}$, of shape ${_shape(derivative.shape)}$")
    for step in derivative.steps:
        yield Paragraph(step.reason.latex)
        yield Display(step.formula.latex, _shape(step.shape))
        if not step.holds:
            yield Paragraph("This step is wrong: the line of the code is not what was derived.")
    if derivative.line is None:
        yield Paragraph("The code has no line of its own for this one; it goes into the next.")


def _lemma(lemma: Lemma) -> Iterator[Block]:
    yield Heading(3, lemma.text.title)
    yield Paragraph(lemma.text.before)
    for claim in lemma.claims.get(lemma.text.shown, next(iter(lemma.claims.values()), ())):
        yield Display(claim.formula.latex, "" if claim.shape is None else _shape(claim.shape))
        if not claim.holds:
            yield Paragraph("This claim was not proved.")
    yield Paragraph(lemma.text.after)
    if lemma.unread:
        yield Paragraph("Not proved: " + ", ".join(_code(f"{name}: {why}") for name, why in lemma.unread.items()))
    yield Paragraph("Verified for all shapes, by the code of: " + ", ".join(f"`{name}`" for name in lemma.claims) + ".")


def _verdicts(equations: Sequence[Equation]) -> Iterator[Block]:
    yield Heading(2, "What was proved, and how")
    yield from map(Paragraph, words.LINKS)
    rows = [
        (
            f"`{each.model}`",
            f"`{each.parameter}`",
            *("holds" if each.links[link].holds else "fails" for link in LINKS),
            ", ".join(f"${formula.latex}$" for formula in each.provisos),
            "proved" if each.proved else "refuted" if each.counterexample else "not proved",
        )
        for each in equations
    ]
    yield Table(("model", "parameter", *LINKS, "provided", "verdict"), tuple(rows))
    for each in equations:
        if each.reason is not None:
            yield Paragraph(f"`{each.model}`, `{each.parameter}`: not proved. {_code(each.reason)}")


def _code(text: str) -> str:
    """Text that may hold anything, as code."""
    return f"`{text.translate({ord('`'): chr(39), ord('$'): chr(39)}).encode('ascii', 'replace').decode()}`"


def _axes(model: Model, name: str) -> str:
    return f"$({', '.join(model.shapes[name].split())})$"


def _shape(shape: Sequence[object]) -> str:
    return f"({', '.join(map(str, shape))})"
