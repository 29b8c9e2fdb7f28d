"""What the harness adds: the sigmoid network's equations written bare, as `numpy:reference`, and as it is timed.

At (4, 32, 8), where a step is ten calls of NumPy and nothing else. `bare` has the lines alone; `reference` is the
backend's `descend`; `timed` is what `python -m benchmarks` records of it, from a process of its own.

example:
  python -m benchmarks.bare --json bare.json
"""

import argparse
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from rich.table import Table

from backproof.models import MODELS, sigmoid
from backproof_numpy import NumpyBackend
from benchmarks.cells import Cell, arrays, rate
from benchmarks.environment import processor
from benchmarks.ratios import interval
from benchmarks.study import Lines, Tell, study
from benchmarks.table import seconds
from benchmarks.worker import Worker

STEPS, ROUNDS = 2000, 25


def bare(X: Any, y: Any, W1: Any, b1: Any, w2: Any, b2: Any, learning_rate: float, steps: int) -> Any:
    """The same loop, with nothing around it."""
    m = X.shape[1]
    for _ in range(steps):
        A = sigmoid(W1 @ X + b1)
        y_hat = w2 @ A + b2
        dy_hat = 2 * (y_hat - y) / m
        dZ = (w2.T @ dy_hat) * A * (1 - A)
        dW1, db1, dw2, db2 = dZ @ X.T, dZ.sum(axis=1, keepdims=True), dy_hat @ A.T, dy_hat.sum()
        W1, b1 = W1 - learning_rate * dW1, b1 - learning_rate * db1
        w2, b2 = w2 - learning_rate * dw2, b2 - learning_rate * db2
    return W1, b1, w2, b2


def measure(options: argparse.Namespace, tell: Tell) -> tuple[dict[str, Any], Lines]:
    """A line for every way, with its ratio to the one before it and an A/A ratio; rounds are interleaved."""
    cell = Cell("two_layer_nonlinear", (("n", 4), ("m", 32), ("k", 8)), "float64", "cpu")
    model, values, step = MODELS[cell.model], arrays(cell), rate(cell)
    params, data = {n: values[n] for n in model.params}, {n: values[n] for n in model.data}
    worker = Worker("numpy", 1)
    try:
        worker.place(cell)
        runs: dict[str, Callable[[], Any]] = {
            "bare": lambda: bare(**values, learning_rate=step, steps=STEPS),
            "bare again": lambda: bare(**values, learning_rate=step, steps=STEPS),
            "reference": lambda: NumpyBackend().descend(model, "reference", params, data, step, STEPS),
            "timed": lambda: worker.run("reference", STEPS),
        }
        samples: dict[str, list[float]] = {name: [] for name in runs}
        for number in range(ROUNDS):
            tell(f"round {number + 1} of {ROUNDS}")
            for name, call in runs.items():
                start = time.perf_counter()
                told = call()
                taken = told if name == "timed" else time.perf_counter() - start
                samples[name].append(taken / STEPS)
        ends = runs["reference"](), worker.ends("reference", STEPS)
        for name, end in zip(model.params, runs["bare"](), strict=True):
            assert all((np.asarray(end) == other[name]).all() for other in ends), name
    finally:
        worker.close()
    lines = []
    for name, base in (("bare", None), ("bare again", "bare"), ("reference", "bare"), ("timed", "reference")):
        median = statistics.median(samples[name])
        line: dict[str, Any] = {"way": name, "samples": samples[name], "median": median, "against": base}
        if base:
            ratio = median / statistics.median(samples[base])
            line |= {"ratio": ratio, "interval": list(interval(samples[name], samples[base]))}
        lines.append(line)
    return {"processor": processor(), "numpy": np.__version__}, lines


def table(lines: Lines) -> Table:
    """A row a way."""
    told = Table("way", "a step", "against", "takes, of its time", "95% interval")
    for line in lines:
        low, high = line.get("interval", (None, None))
        compared = (line["against"], f"{line['ratio']:.3f}", f"{low:.3f}, {high:.3f}") if line["against"] else ()
        told.add_row(line["way"], seconds(line["median"]), *compared)
    return told


def draw(lines: Lines) -> Any:
    """Every sample of every way."""
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(7, 3.5))
    axes.boxplot([[1e6 * s for s in line["samples"]] for line in lines], tick_labels=[line["way"] for line in lines])
    axes.set(ylabel="microseconds a step")
    return figure


def main(argv: Sequence[str] | None = None) -> int:
    """Exit code: 0, or 2 where the input or the environment is at fault."""
    return study("bare", __doc__, measure, table, draw, argv=argv)


if __name__ == "__main__":
    sys.exit(main())
