"""What the harness adds: `numpy:reference` beside the sigmoid network's equations written bare, at (4, 32, 8).

python -m benchmarks.bare
"""

import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from backproof.models import MODELS, sigmoid
from backproof_numpy import NumpyBackend
from benchmarks.cells import Cell, arrays, rate

STEPS, ROUNDS = 2000, 15


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


def main() -> None:
    """Interleaved rounds; the ratio of the medians, and an A/A one of the bare loop."""
    cell = Cell("two_layer_nonlinear", (("n", 4), ("m", 32), ("k", 8)), "float64", "cpu")
    model, values, step = MODELS[cell.model], arrays(cell), rate(cell)
    params, data = {n: values[n] for n in model.params}, {n: values[n] for n in model.data}
    runs: dict[str, Callable[[], Any]] = {
        "bare": lambda: bare(**values, learning_rate=step, steps=STEPS),
        "reference": lambda: NumpyBackend().descend(model, "reference", params, data, step, STEPS),
        "bare again": lambda: bare(**values, learning_rate=step, steps=STEPS),
    }
    seconds: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(ROUNDS):
        for name, call in runs.items():
            start = time.perf_counter()
            call()
            seconds[name].append((time.perf_counter() - start) / STEPS)
    same = runs["reference"]()
    assert all((np.asarray(a) == same[n]).all() for n, a in zip(model.params, runs["bare"](), strict=True))
    medians = {name: statistics.median(times) for name, times in seconds.items()}
    for name, median in medians.items():
        sys.stdout.write(f"{name}: {median * 1e6:.2f} us a step, {median / medians['bare']:.3f} x bare\n")


if __name__ == "__main__":
    main()
