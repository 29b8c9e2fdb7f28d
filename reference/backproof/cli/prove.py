"""`backproof prove`: the proofs of the hand-derived equations."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterable, Sequence
from functools import partial
from typing import TYPE_CHECKING

from backproof.console.parser import Parser, add_command
from backproof.core.files import Outputs, check_writable, json_text
from backproof.core.places import is_standard_output
from backproof.models import MODELS, Model, named

if TYPE_CHECKING:
    from backproof.proofs import Equation, Lemma
    from backproof.proofs.page import Chapter

COLOURS = {"PROVED": "green", "REFUTED": "red", "NOT": "red", "WRONG": "red"}
PLAIN = str.maketrans(
    {"∂": "D", "Σ": "sum", "δ": "delta", "σ": "sigma", "²": "^2", "∇": "grad ", "η": "eta ", "λ": "lambda "}  # noqa: RUF001
)


def add(commands: argparse._SubParsersAction[Parser]) -> None:
    """Add the command to the parser of `backproof`."""
    parser = add_command(
        commands,
        "prove",
        "Prove the hand-derived gradient equations for all shapes, and the lemmas the project leans on.",
        "backproof prove two_layer_linear --markdown derivations.md",
    )
    parser.add_argument("models", nargs="*", metavar="MODEL", help=f"one of {', '.join(MODELS)} (default: all)")
    parser.add_argument("--latex", metavar="FILE", help="write the derivations as a LaTeX document")
    parser.add_argument("--markdown", metavar="FILE", help="write the derivations as Markdown")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """0 if everything was proved, 1 if anything was refuted or left unproved. Raises InputError."""
    models = _chosen(arguments.models)
    targets = [arguments.json, arguments.latex, arguments.markdown]
    check_writable(*targets)
    chapters, lemmas = _prove(models, quiet=any(map(is_standard_output, targets)))
    equations = [each for chapter in chapters for each in chapter.equations]
    with Outputs() as outputs:
        _save(outputs, arguments, chapters, lemmas)
    proved = [each.proved for each in equations] + [each.proved for each in lemmas]
    return 0 if all(proved) else 1


def _save(outputs: Outputs, arguments: argparse.Namespace, chapters: list[Chapter], lemmas: list[Lemma]) -> None:
    if arguments.latex or arguments.markdown:
        from backproof.proofs.page import page
        from backproof.proofs.render import latex, markdown

        blocks = page(chapters, lemmas)
        for path, render in ((arguments.latex, latex), (arguments.markdown, markdown)):
            if path:
                outputs.write(path, partial(render, blocks))
    equations = [each for chapter in chapters for each in chapter.equations]
    if arguments.json:
        found = {"equations": [each.as_json() for each in equations], "lemmas": [each.as_json() for each in lemmas]}
        outputs.write(arguments.json, lambda: json_text(found))


def _chosen(names: list[str]) -> list[Model]:
    chosen = [named(name) for name in names]
    return [model for model in MODELS.values() if model in chosen or not chosen]


def _prove(models: list[Model], quiet: bool) -> tuple[list[Chapter], list[Lemma]]:
    """Prove, and print what was proved a model at a time; on a terminal, standard error shows the progress."""
    from backproof.console.terminal import bar
    from backproof.proofs import derive, lemmas_about, prove, prove_lemmas
    from backproof.proofs.console import lemma_in_text, model_in_text
    from backproof.proofs.page import Chapter

    started = time.perf_counter()
    out = (lambda lines: None) if quiet else _print
    chapters, shown = [], []
    total = sum(len(model.params) for model in models) + len(lemmas_about(models))
    with bar(total, "proving") as progress:
        for model in models:
            derivation = derive(model)
            equations = []
            for equation in prove(model, derivation):
                equations.append(equation)
                progress.advance(1, f"{model.name}: d{equation.parameter}")
            chapters.append(Chapter(model, derivation, tuple(equations)))
            with progress.hidden():
                out(model_in_text(equations))
        for lemma in prove_lemmas(models):
            shown.append(lemma)
            progress.advance(1, f"lemma: {lemma.text.name}")
    for lemma in shown:
        out(lemma_in_text(lemma))
    every = [each for chapter in chapters for each in chapter.equations]
    out([_summary(every, shown, time.perf_counter() - started)])
    return chapters, shown


def _summary(equations: Sequence[Equation], lemmas: Sequence[Lemma], seconds: float) -> str:
    proved = sum(each.proved for each in equations), sum(each.proved for each in lemmas)
    return f"proved: {proved[0]} of {len(equations)} equations, {proved[1]} of {len(lemmas)} lemmas ({seconds:.1f} s)"


def _print(lines: Iterable[str]) -> None:
    from rich.text import Text

    from backproof.console.terminal import results_console

    console = results_console()
    for line in lines:
        label = next(iter(line.split()), "")
        console.print(Text(_encodable(line), COLOURS.get(label, "")), soft_wrap=True)


def _encodable(line: str) -> str:
    """`line`, spelt out where standard output cannot show its letters."""
    try:
        line.encode(sys.stdout.encoding or "ascii")
    except UnicodeEncodeError:
        return line.translate(PLAIN)
    return line
