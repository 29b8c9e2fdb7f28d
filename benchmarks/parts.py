"""Where a tiled step of the sigmoid network spends its time: parts of it alone, beside the whole, in one run.

A part runs over all the tiles, on all threads, in the buffers of its series; rounds are interleaved. Parts need not add
up to the whole: alone, each finds the caches in another state.

example:
  python -m benchmarks.parts --shape 256,65536,256 --dtype float32 --json parts.json --plot parts.png
"""

import argparse
import statistics
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import numpy as np
from rich.console import Group
from rich.table import Table

from backproof.console.parser import Parser
from backproof.core.errors import InputError
from backproof.models import MODELS
from backproof_numba.on_tiles import FUSED
from backproof_numpy.tiles import NUMPY, Tiles, Way, cores
from benchmarks.cells import Cell, arrays, cells
from benchmarks.environment import processor
from benchmarks.study import Lines, Tell, study
from benchmarks.table import seconds

NAME = "two_layer_nonlinear"
ROUNDS = 9
SIDE = 2048  # of the square product whose rate is the ceiling
CEILING = "the products at a square one's rate"


class Tile(NamedTuple):
    """What a part may touch: its series' buffers, the data, and the tile's columns."""

    own: Any
    data: Mapping[str, Any]
    at: slice

    @property
    def X(self) -> Any:  # noqa: N802
        return self.own.X[:, : self.at.stop - self.at.start]

    @property
    def A(self) -> Any:  # noqa: N802
        return self.own.A[:, : self.at.stop - self.at.start]


def _copy(tile: Tile) -> None:
    tile.X[: len(tile.data["X"])] = tile.data["X"][:, tile.at]


def _forward_product(tile: Tile) -> None:
    np.matmul(tile.own.negated if hasattr(tile.own, "negated") else tile.own.params["W1"], tile.X, out=tile.A)


def _backward_product(tile: Tile) -> None:
    np.matmul(tile.X, tile.A.T, out=tile.own.product)


def _exponentials(tile: Tile) -> None:
    np.exp(tile.A, out=tile.own.slope[:, : tile.A.shape[1]])


def _kernel(tile: Tile) -> None:
    own, params = tile.own, tile.own.params
    own.kernels.sigmoid(
        tile.A, tile.data["y"], params["b1"], params["w2"], params["b2"][()], own.m, tile.at.start,
        own.dy_hat[0, : tile.A.shape[1]], own.b1, own.w2,
    )  # fmt: skip


COMMON = {"X copied": _copy, "W1 X": _forward_product, "dZ X^T": _backward_product}
SERIES: dict[str, tuple[Way, dict[str, Callable[[Tile], None]]]] = {
    "numpy:tiled": (NUMPY, COMMON | {"exp": _exponentials}),
    "numba:fused": (FUSED, COMMON | {"all else, one kernel": _kernel}),
}


class Part:
    """What a thread does on its tiles (`tiles.Sums`): one part of a series, in that series' buffers."""

    def __init__(self, whole: Any, work: Callable[[Tile], None]) -> None:
        self.whole, self.work = whole, work
        whole.X[:] = whole.A[:] = 0.5  # no part shall meet numbers that slow it

    @property
    def sums(self) -> dict[str, Any]:
        return dict(self.whole.sums)

    def start(self, params: Any, m: int) -> None:
        self.whole.start(params, m)

    def add(self, data: Any, start: int, stop: int) -> None:
        self.work(Tile(self.whole, data, slice(start, stop)))


def measure(options: argparse.Namespace, tell: Tell) -> tuple[dict[str, Any], Lines]:
    """A line a part of a series: the median seconds of a step, and its share of the ceiling's time for the products."""
    lines = []
    for cell in cells([NAME], options.dtype, options.shape or ["256,65536,256"], "cpu"):
        tell(cell.id)
        lines += _cell(cell)
    return {"processor": processor(), "threads": cores(), "numpy": np.__version__}, lines


def _cell(cell: Cell) -> Lines:
    values, model = arrays(cell), MODELS[NAME]
    params, data = {n: values[n] for n in model.params}, {n: values[n] for n in model.data}
    dims = dict(cell.dims)
    if dims["m"] < 64 * cores():
        raise InputError(f"--shape has m = {dims['m']}; a step in tiles needs more examples, {64 * cores()} or more")
    runs: dict[tuple[str, str], Callable[[], Any]] = {}
    for series, (way, parts) in SERIES.items():
        runs[series, "whole"] = _step(Tiles(model, data, way=way), params)
        for name, work in parts.items():
            runs[series, name] = _step(Tiles(model, data, way=_alone(way, work)), params)
    square = np.full((SIDE, SIDE), 0.5, cell.dtype)
    pool, stripes = ThreadPoolExecutor(cores()), np.array_split(square, cores())  # BLAS has one thread in each
    runs["ceiling", CEILING] = lambda: list(pool.map(lambda stripe: stripe @ square, stripes))
    samples: dict[tuple[str, str], list[float]] = {key: [] for key in runs}
    for number in range(ROUNDS + 1):
        for key, call in runs.items():
            begun = time.perf_counter()
            call()
            if number:  # the first warms
                samples[key].append(time.perf_counter() - begun)
    scale = 4 * dims["n"] * dims["m"] * dims["k"] / (2 * SIDE**3)
    ceiling = scale * statistics.median(samples["ceiling", CEILING])
    lines = []
    for (series, name), taken in samples.items():
        median = ceiling if series == "ceiling" else statistics.median(taken)
        lines.append(
            {"cell": cell.id, "series": series, "part": name, "seconds": median, "samples": taken,
             "of_ceiling": median / ceiling}
        )  # fmt: skip
    return lines


def _alone(way: Way, work: Callable[[Tile], None]) -> Way:
    return Way(way.columns, lambda *shape: Part(way.sums(*shape), work))


def _step(tiles: Tiles, params: Any) -> Callable[[], Any]:
    return lambda: tiles.gradients(params)


def table(lines: Lines) -> Group:
    """A table a cell, a row a part."""
    tables: dict[str, Table] = {}
    for line in lines:
        told = tables.setdefault(
            line["cell"], Table("series", "part", "a step", "of the ceiling's", title=line["cell"], title_style="")
        )
        told.add_row(line["series"], line["part"], seconds(line["seconds"]), f"{line['of_ceiling']:.2f}")
    return Group(*tables.values())


def draw(lines: Lines) -> Any:
    """A bar a series: its parts end to end, a line where its whole ends; dashed, the products at the ceiling's rate."""
    from matplotlib import pyplot

    names = list(dict.fromkeys(line["cell"] for line in lines))
    figure, panels = pyplot.subplots(len(names), 1, figsize=(9, 2.2 * len(names)), squeeze=False)
    colors = {name: f"C{i}" for i, name in enumerate([*COMMON, "exp", "all else, one kernel"])}
    for axes, name in zip(panels[:, 0], names, strict=True):
        for row, series in enumerate(SERIES):
            left = 0.0
            for line in (one for one in lines if one["cell"] == name and one["series"] == series):
                if line["part"] == "whole":
                    axes.plot([line["seconds"] * 1e3] * 2, [row - 0.45, row + 0.45], "k", lw=2)
                    continue
                width = line["seconds"] * 1e3
                axes.barh(row, width, left=left, color=colors[line["part"]], label=line["part"])
                left += width
        ceiling = next(one["seconds"] for one in lines if one["cell"] == name and one["series"] == "ceiling")
        axes.axvline(ceiling * 1e3, color="k", ls="--", lw=1, label="products at the ceiling's rate")
        axes.set(title=name, xlabel="milliseconds a step (black line: the whole)")
        axes.set_yticks(range(len(SERIES)), list(SERIES))
        handles = dict(zip(*axes.get_legend_handles_labels()[::-1], strict=True))
        axes.legend(handles.values(), handles.keys(), fontsize=7, loc="center left", bbox_to_anchor=(1, 0.5))
    return figure


def arguments(parser: Parser) -> None:
    """What is asked for, beside the options of every study."""
    parser.add_argument("--shape", action="append", default=[], metavar="n,m,k", help="default: 256,65536,256")
    parser.add_argument("--dtype", action="append", default=[], help="float32 or float64 (default: both)")


def main(argv: Sequence[str] | None = None) -> int:
    """Exit code: 0, or 2 where the input or the environment is at fault."""
    return study("parts", __doc__, measure, table, draw, arguments, argv=argv)


if __name__ == "__main__":
    sys.exit(main())
