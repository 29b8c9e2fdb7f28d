"""What a row of a result counts, for every picture alike: the size of a step, its operations and its bytes."""

from collections.abc import Mapping
from typing import Any

from backproof.models import MODELS
from benchmarks.cells import Cell, work

Result = Mapping[str, Any]


def size(r: Result) -> float:
    """m (n + 1) (k + 1): what a step's work grows with; letters that a model lacks count as nothing."""
    shape = r["shape"]
    return float(shape["m"] or 1) * ((shape["n"] or 1) + 1) * ((shape["k"] or 0) + 1)


def operations(r: Result) -> tuple[float, float]:
    """Operations in products, and bytes read: the counts of the floor, but for the regressions 4 n m operations."""
    dims = tuple((letter, count) for letter, count in r["shape"].items() if count is not None)
    need = work(Cell(r["model"], dims, r["dtype"], r["device"]))
    return need["flops"] or 4.0 * r["shape"]["m"] * (r["shape"]["n"] or 1), need["bytes"]


def on_roof(r: Result) -> bool:
    """Whether it has a place below the roof: a series with a floor, of a model whose operations are counted."""
    return r["model"] in MODELS and bool(r["efficiency"])
