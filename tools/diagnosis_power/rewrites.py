"""Right gradients, algebraically rewritten at random: none may fail."""

from __future__ import annotations

import ast
import copy
import random
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from backproof.core.files import read_source
from backproof.derivation.check import Session
from backproof.derivation.process import UserProcess
from backproof.verdicts.judgement import Verdict
from tools.diagnosis_power.source import Derived, call_arguments

SECONDS = 60.0
PER_SESSION = 50  # rewritten forms on the same random arrays
SITES = 4  # places rewritten in one form


class _Rewriter(ast.NodeTransformer):
    """Rewrites some arithmetic into other arithmetic that is equal on paper."""

    def __init__(self, rng: random.Random, probability: float) -> None:
        self.rng, self.probability = rng, probability

    def visit_BinOp(self, node: ast.BinOp) -> ast.expr:
        self.generic_visit(node)
        if self.rng.random() > self.probability:
            return node
        a, b = ast.unparse(node.left), ast.unparse(node.right)
        forms = {
            ast.Add: [
                "({b}) + ({a})",
                "({a}) - (-({b}))",
                "(({a}) * 3 + ({b}) * 3) / 3",
                "(({a}) + 1e3) + (({b}) - 1e3)",
            ],
            ast.Sub: ["-(({b}) - ({a}))", "({a}) + (-1) * ({b})", "(({a}) - 5e3) - (({b}) - 5e3)"],
            ast.Mult: ["({b}) * ({a})", "(({a}) / 7) * (({b}) * 7)", "({a}) * (({b}) + 1) - ({a})"],
            ast.Div: ["({a}) * (1 / ({b}))", "(({a}) * 3) / (({b}) * 3)"],
            ast.MatMult: ["((({a}) * 3) @ ({b})) / 3", "((({a}) + 1e2) @ ({b})) - (0 * ({a}) + 1e2) @ ({b})"],
        }.get(type(node.op))
        if forms is None:
            return node
        return ast.parse(self.rng.choice(forms).format(a=a, b=b), mode="eval").body

    def visit_Subscript(self, node: ast.Subscript) -> ast.expr:
        node.value = self.visit(node.value)  # indices stay whole numbers
        return node

    def visit_Call(self, node: ast.Call) -> ast.expr:
        self.generic_visit(node)
        if isinstance(node.func, ast.Attribute) and node.func.attr == "sum" and self.rng.random() < self.probability:
            operand = ast.unparse(node.func.value)
            rest = call_arguments(node)
            form = self.rng.choice(["(({x}) * 3).sum{r} / 3", "(({x}) + 1e2).sum{r} - (0 * ({x}) + 1e2).sum{r}"])
            return ast.parse(form.format(x=operand, r=rest), mode="eval").body
        return node


def rewritten(derived: Derived, rng: random.Random, suffix: str) -> str:
    """A random equal form of the derivation's functions."""
    name = rng.choice(list(derived.functions))
    function = copy.deepcopy(derived.functions[name])
    _Rewriter(rng, rng.choice([0.1, 0.3, 0.6])).visit(function)
    return derived.variant(suffix, ast.fix_missing_locations(function))


def survive(
    files: Sequence[Path], count: int, seed: int = 0, watch: Callable[[int], None] = lambda gradients: None
) -> tuple[int, list[str]]:
    """Judge `count` gradients of right forms, over all files and new random arrays each session; those that fail.

    `watch` is told of every gradient that was judged.
    """
    tried, failed = 0, []
    for session in _rounds():
        for file in files:
            for name, verdict, source in _session(file, seed + session):
                tried += 1
                watch(1)
                if verdict is Verdict.FAIL:
                    failed.append(f"{file.stem} d{name}: {source}")
            if tried >= count:
                return tried, failed
    raise AssertionError("unreachable")


def _rounds() -> Iterator[int]:
    number = 0
    while True:
        yield number
        number += 1


def _session(file: Path, seed: int) -> Iterator[tuple[str, Verdict, str]]:
    rng = random.Random(f"{file.stem} {seed}")
    text = read_source(file)
    derived = Derived.parse(text)
    forms = {f"gradients__{i}": rewritten(derived, rng, f"__{i}") for i in range(PER_SESSION)}
    with tempfile.TemporaryDirectory() as folder:
        extended = Path(folder) / file.name
        extended.write_text(text + "\n\n" + "\n\n".join(forms.values()), encoding="utf-8")
        with UserProcess(str(extended), SECONDS) as user:
            session = Session(user, seed=1000 * seed)
            for hand, source in forms.items():
                for name, gradient in session.judge(hand).items():
                    yield name, gradient.verdict, source
