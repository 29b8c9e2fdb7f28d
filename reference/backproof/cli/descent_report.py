"""What is told of a finished descent: its numbers beside the closed form and random search."""

from dataclasses import dataclass
from typing import Any

from rich.console import Console
from rich.table import Table

from backproof.console.terminal import bar
from backproof.descent import least_squares
from backproof.descent.accuracy import parameter_bound
from backproof.descent.data import Data
from backproof.descent.problem import Descent, Problem
from backproof.descent.random_search import random_search


@dataclass(frozen=True)
class Rivals:
    """The least loss by other means (None: not known), and the target's variance, which R2 is relative to."""

    variance: float
    closed: float | None
    sought: float | None


def rivals(problem: Problem, data: Data, evaluations: int, seed: int) -> Rivals:
    """Least squares, where the model is linear in its data, and random search."""
    closed = least_squares.fit(data.X, data.y)[2] if problem.model.is_linear else None
    with bar(evaluations, "random search") as shown:
        sought = random_search(problem.model, problem.dims, problem.inputs, evaluations, seed, shown.advance)
    return Rivals(float(data.y.var()), closed, sought)


def result(
    problem: Problem, descent: Descent, others: Rivals, backend: str, ranks: int, features: tuple[str, ...]
) -> dict[str, Any]:
    """The descent as `--json` has it."""
    steps, variance = descent.end.step, others.variance
    bound = None
    if not problem.streamed:
        with bar(len(descent.path), "bounding the rounding") as shown:
            bound = parameter_bound(descent, shown.advance)
    return {
        "model": problem.model.name,
        "backend": backend,
        "ranks": ranks,
        "data": problem.source,
        "features": features,
        "examples": problem.dims["m"],
        "loss": descent.end.loss,
        "r2": 1 - descent.end.loss / variance,
        "steps": steps,
        "learning_rate": descent.learning_rate,
        "largest_stable_learning_rate": problem.stable,
        "params": {name: value.tolist() for name, value in descent.end.params.items()},
        "params_bound": bound,
        "closed_form": None if others.closed is None else {"loss": others.closed, "r2": 1 - others.closed / variance},
        "random_search": None
        if others.sought is None
        else {"loss": others.sought, "r2": 1 - others.sought / variance, "evaluations": steps},
        "trajectory": [{"step": point.step, "loss": point.loss} for point in descent.path],
    }


def show(console: Console, told: dict[str, Any], variance: float) -> None:
    """The same for people: a table of losses, the learning rate, the bound on rounding."""
    n = len(told["features"])
    table = Table("", "loss", "R2", title=f"{told['model']} on {told['data']} (n = {n}, m = {told['examples']})")
    table.title_style = ""
    start = told["trajectory"][0]["loss"]
    by = f"{told['steps']} steps of {told['backend']}" + (f", {told['ranks']} ranks" if told["ranks"] > 1 else "")
    table.add_row("start", f"{start:.6f}", f"{1 - start / variance:.4f}")
    table.add_row(f"descent, {by}", *_row(told))
    if told["closed_form"]:
        table.add_row("closed form (least squares)", *_row(told["closed_form"]))
    if told["random_search"]:
        table.add_row(f"random search, {told['random_search']['evaluations']} draws", *_row(told["random_search"]))
    console.print(table)
    stability = _stability(told["largest_stable_learning_rate"], told["learning_rate"])
    console.print(f"features and target standardised; learning rate {told['learning_rate']:.4g}{stability}")
    console.print(
        "no bound on rounding: the problem is too large for it"
        if told["params_bound"] is None
        else f"parameters within {told['params_bound']:.1e} of descent in exact arithmetic (2-norm, first order)"
    )


def _row(told: dict[str, Any]) -> tuple[str, str]:
    return f"{told['loss']:.6f}", f"{told['r2']:.4f}"


def _stability(stable: float | None, rate: float) -> str:
    if stable is None:
        return ""
    if rate >= stable:
        return f", UNSTABLE: at 2/lambda_max = {stable:.4g} and above descent diverges, if slowly"
    return f" (stable below 2/lambda_max = {stable:.4g})"
