"""The hot loop under pytest-benchmark: `pytest benchmarks`; `--benchmark-json` and `--benchmark-compare` work.

A small selection, in one process: for fair ratios between frameworks use `python -m benchmarks`.
"""

import importlib
from typing import Any

import pytest

from backproof.models import MODELS
from benchmarks.cells import Cell, arrays, rate

SIZES = {
    "univariate": {"m": 10_000},
    "multivariate": {"n": 64, "m": 1024},
    "two_layer_nonlinear": {"n": 16, "m": 1024, "k": 32},
}
SERIES = (
    "numpy:reference", "numpy:tiled", "numpy:moments", "jax:loop", "jax:manual", "torch:eager", "torch:manual",
)  # fmt: skip
STEPS, ROUNDS = 100, 5

pytest.importorskip("pytest_benchmark")


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("series", SERIES)
@pytest.mark.parametrize("name", SIZES)
def test_steps(benchmark: Any, name: str, series: str, dtype: str) -> None:
    """100 chained steps a call; the first call, which compiles, is outside the rounds."""
    library, _, way = series.partition(":")
    backend, model = importlib.import_module(f"backproof_{library}").backend, MODELS[name]
    if name not in getattr(backend, "only", {}).get(way, (name,)):
        pytest.skip(f"{series} does not offer {name}")
    cell = Cell(name, tuple(SIZES[name].items()), dtype, "cpu")
    ours = {a: backend.from_numpy(value, dtype, "cpu") for a, value in arrays(cell).items()}
    params, data = {a: ours[a] for a in model.params}, {a: ours[a] for a in model.data}
    benchmark.group = f"{name} {dtype}"
    benchmark.extra_info["steps"] = STEPS
    benchmark.pedantic(
        backend.descend,
        args=(model, way, params, data, rate(cell), STEPS),
        rounds=ROUNDS,
        iterations=1,
        warmup_rounds=1,
    )
