"""From which n and m on gradient descent beats the closed form of multivariate regression, to a given excess loss.

Three ways from data to a loss at most (1 + excess) times the least one, in the same process with the same threads:
`cholesky` (moments, then the normal equations), `lstsq` (singular values, what NumPy offers), and `descent` from zero
at learning rate 1 / lambda_max: lambda_max by power iteration on the data, whose time counts, then as many steps as the
target needs (found beforehand, from the spectrum). What each returns is held against the target before its time counts.

example:
  python -m benchmarks.closed_form --json closed_form.json --plot closed_form.png
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from itertools import product
from typing import Any

import numpy as np
from rich.table import Table

from backproof.console.parser import Parser
from backproof.core.errors import InputError
from benchmarks.environment import processor
from benchmarks.least_squares import (
    MOST_STEPS,
    Descent,
    Floats,
    cholesky,
    largest,
    loss,
    lstsq,
    moments,
    needed,
    problem,
)
from benchmarks.study import Lines, Tell, study
from benchmarks.table import seconds

FEATURES = (8, 32, 128, 512, 2048)
EXAMPLES = (2**10, 2**13, 2**16, 2**19)
CONDITIONS = (1.0, 100.0)  # of the features' covariance
LARGEST = 2**28  # bytes of data
SLOWEST = 8.0  # seconds that a way may take by its operations; above, it is left out, as having lost
ROUNDS = 3
RATE = 5e10  # operations a second, to guess which ways are too slow


def compare(descent: Descent, n: int, m: int, condition: float, excess: float) -> dict[str, Any]:
    """A line: the median time of every way that reaches the target, and descent's steps."""
    X, y = problem(n, m, condition)
    G, r = moments(X, y)
    best = loss(X, y, cholesky(X, y))
    steps = needed(G, r, best, m, 1 / (2 * largest(X)), excess)
    ways: dict[str, tuple[float, Callable[[], Floats]]] = {
        "cholesky": (2.0 * n * n * m, lambda: cholesky(X, y)),
        "lstsq": (8.0 * n * n * m, lambda: lstsq(X, y)),
        "descent": (40.0 * n * m * steps, lambda: descent(X, y, steps)),  # bound by reading: ten times slower
    }
    line: dict[str, Any] = {"n": n, "m": m, "condition": condition, "excess": excess, "steps": steps}
    line |= {"seconds": {}, "reached": {}, "left_out": []}
    timed: dict[str, list[float]] = {}
    for name, (operations, call) in ways.items():
        if operations / RATE > SLOWEST or (name == "descent" and steps >= MOST_STEPS):
            line["left_out"].append(name)
            continue
        line["reached"][name] = loss(X, y, call()) / best - 1  # and warm
        if line["reached"][name] <= excess:
            timed[name] = []
    for _ in range(ROUNDS):
        for name, samples in timed.items():
            samples.append(_seconds(ways[name][1]))
    line["seconds"] = {name: statistics.median(samples) for name, samples in timed.items()}
    return line


def _seconds(call: Callable[[], Any]) -> float:
    """Of one call; of as many as take 5 ms, where one is shorter."""
    count = 1
    while True:
        start = time.perf_counter()
        for _ in range(count):
            call()
        if (taken := time.perf_counter() - start) > 0.005:
            return taken / count
        count *= 4


def measure(options: argparse.Namespace, tell: Tell) -> tuple[dict[str, Any], Lines]:
    """A line for every condition, n and m that fit."""
    if not 0 < options.excess < 1:
        raise InputError(f"--excess is {options.excess}; it must be a number between 0 and 1")
    descent, lines = Descent(options.series), []
    for condition, n, m in product(CONDITIONS, FEATURES, EXAMPLES):
        if 2 * n <= m and 8 * n * m <= LARGEST:
            tell(f"condition {condition:g}, n = {n}, m = {m}")
            lines.append(compare(descent, n, m, condition, options.excess))
    return {"processor": processor(), "numpy": np.__version__, "series": options.series}, lines


def wins(line: dict[str, Any]) -> float | None:
    """How many times faster descent is than the faster closed form; None where descent was left out or fell short."""
    times = dict(line["seconds"])
    mine = times.pop("descent", None)
    return min(times.values()) / mine if mine and times else None


def table(lines: Lines) -> Table:
    """The times, and how many times faster descent is."""
    told = Table("condition", "n", "m", "steps", "descent", "cholesky", "lstsq", "descent is faster")
    for line in lines:
        ratio = wins(line)
        times = (seconds(line["seconds"].get(way)) or "-" for way in ("descent", "cholesky", "lstsq"))
        numbers = f"{line['condition']:g}", str(line["n"]), str(line["m"]), str(line["steps"])
        told.add_row(*numbers, *times, "-" if ratio is None else f"{ratio:.2g} x")
    return told


def draw(lines: Lines) -> Any:
    """Times against n at the largest common m, and where descent wins in the plane of n and m; a column a condition."""
    from matplotlib import pyplot

    conditions = list(dict.fromkeys(line["condition"] for line in lines))
    figure, panels = pyplot.subplots(2, len(conditions), figsize=(5.5 * len(conditions), 8), squeeze=False)
    for column, condition in enumerate(conditions):
        own = [line for line in lines if line["condition"] == condition]
        common = max(m for m in EXAMPLES if all(any(o["m"] == m and o["n"] == n for o in own) for n in FEATURES[:-1]))
        upper, lower = panels[:, column]
        for way, mark in (("descent", "o-"), ("cholesky", "s--"), ("lstsq", "^:")):
            points = [(o["n"], o["seconds"][way]) for o in own if o["m"] == common and way in o["seconds"]]
            if points:
                upper.loglog(*zip(*points, strict=True), mark, label=way)
        upper.set(title=f"condition {condition:g}, m = {common}", xlabel="n", ylabel="seconds to the target, median")
        upper.legend()
        for line in own:
            ratio = wins(line)
            told, color = ("-", "grey") if ratio is None else (f"{ratio:.2g} x", "C0" if ratio > 1 else "C3")
            lower.text(line["n"], line["m"], told, ha="center", va="center", color=color,
                       weight="bold" if color == "C0" else "normal")  # fmt: skip
        lower.set(xscale="log", yscale="log", xlabel="n", ylabel="m", title="times faster than the best closed form",
                  xlim=(FEATURES[0] / 2, FEATURES[-1] * 2), ylim=(EXAMPLES[0] / 3, EXAMPLES[-1] * 3))  # fmt: skip
    return figure


def arguments(parser: Parser) -> None:
    """What is asked for, beside the options of every study."""
    parser.add_argument("--series", default="numba:fused", help="what descends (default: numba:fused)")
    parser.add_argument("--excess", type=float, default=1e-3, help="of the least loss (default: 0.001)")


def main(argv: Sequence[str] | None = None) -> int:
    """Exit code: 0, or 2 where the input or the environment is at fault."""
    return study("closed_form", __doc__, measure, table, draw, arguments, argv=argv)


if __name__ == "__main__":
    sys.exit(main())
