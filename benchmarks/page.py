"""A result as one self-contained page: ratios, time against size, roofline, efficiency, every cell's table, noise.

example:
  python -m benchmarks.page result.json page.html
"""

import math
import sys
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

import numpy as np

from backproof.cli.ending import ended
from backproof.cli.parser import Parser
from backproof.files import check_writable, write
from backproof.models import MODELS
from backproof.report import render
from benchmarks.cells import Cell, work
from benchmarks.table import HEADINGS, headline, left_out, not_verified, rows, seconds, shown

HERE = Path(__file__).parent
HUES = ("#4a7fd6", "#d08a1f", "#3d9a6c", "#b0569f", "#c8523f", "#2f9fb3", "#8a7a2e", "#7a6bd0", "#a0673c", "#6f8f2f")
SYMBOLS = ("circle", "square", "diamond", "cross", "x", "triangle-up", "triangle-down", "star", "hexagon", "pentagon")
DASHES = {"float32": "solid", "float64": "dot"}
GREY = "#8a929b"
ONE = {"type": "line", "x0": 1, "x1": 1, "yref": "paper", "y0": 0, "y1": 1}
WHAT_BINDS = {"gemm_flops_per_s": ("products", "GFLOP/s"), "read_bytes_per_s": ("reading", "GB/s"),
              "exp_per_s": ("exponentials", "G exp/s")}  # fmt: skip

Result = Mapping[str, Any]
Figure = dict[str, Any]


def needed() -> None:
    """InputError where a library of the page is missing; asked before long work."""
    render.needed()


def save(result: Result, path: str) -> None:
    """Write the page of a result to `path`, whole or not at all."""
    write(path, page(result))


def page(result: Result) -> str:
    """The page, whole, of what `python -m benchmarks --json` writes."""
    timed = [r for r in result["results"] if r["verified"]]
    style = {series: at for at, series in enumerate(dict.fromkeys(r["series"] for r in result["results"]))}
    cells = list(dict.fromkeys(r["cell"] for r in result["results"]))
    models = list(dict.fromkeys(r["model"] for r in timed))
    dtypes = list(dict.fromkeys(r["dtype"] for r in timed))
    figures = {f"time-{model}": _time([r for r in timed if r["model"] == model], style) for model in models}
    figures |= {f"roof-{d}": _roof([r for r in timed if r["dtype"] == d], result["ceilings"][d], style) for d in dtypes}
    figures |= {f"floor-{dtype}": _efficiency([r for r in timed if r["dtype"] == dtype], style) for dtype in dtypes}
    if result["ratios"]:
        figures["ratios"] = _ratios(result["ratios"], style)
    return render.render(
        "page.html.j2",
        {"page": HERE / "page.js"},
        {name: figure for name, figure in figures.items() if figure["traces"]},
        HERE,
        figures={name for name, figure in figures.items() if figure["traces"]},
        heights={name: figure["height"] for name, figure in figures.items()},
        models=models,
        dtypes=dtypes,
        headings=HEADINGS,
        tables={cell: _table(cell, result) for cell in cells},
        ceilings={dtype: _ceilings(told) for dtype, told in result["ceilings"].items()},
        ratios=result["ratios"],
        noise=result["noise"],
        refused=[r for r in result["results"] if not r["verified"]],
        verified=len(timed),
        left_out=[*not_verified(result), *left_out(result)],
        environment=result["environment"],
        partial=result["partial"],
    )


def _table(cell: str, result: Result) -> dict[str, Any]:
    """A cell's heading and rows, and the name its link ends with."""
    own = [r for r in result["results"] if r["cell"] == cell]
    name = "".join(letter if letter.isalnum() else "-" for letter in cell)
    return {"name": name, "headline": headline(cell, result), "rows": list(rows(own))}


def _ceilings(told: Mapping[str, float]) -> list[tuple[str, str]]:
    return [
        (WHAT_BINDS[name][0], f"{told[name] / 1e9:.3g} {WHAT_BINDS[name][1]}") for name in WHAT_BINDS if name in told
    ]


def _size(r: Result) -> float:
    shape = r["shape"]
    return float(shape["m"] or 1) * ((shape["n"] or 1) + 1) * ((shape["k"] or 0) + 1)


def _mark(series: str, style: Mapping[str, int], hollow: bool = False) -> dict[str, Any]:
    at = style[series]
    symbol = SYMBOLS[at % len(SYMBOLS)]
    return {"symbol": f"{symbol}-open" if hollow else symbol, "color": HUES[at % len(HUES)], "size": 9}


def _time(timed: Sequence[Result], style: Mapping[str, int]) -> Figure:
    """Median time a step, with quartiles, against size; dotted and hollow in float64; in grey the floors."""
    traces: list[Any] = []
    dtypes = list(dict.fromkeys(r["dtype"] for r in timed))
    for dtype in dtypes:
        once = {"showlegend": dtype == dtypes[0]}
        for series in dict.fromkeys(r["series"] for r in timed):
            own = sorted((r for r in timed if (r["series"], r["dtype"]) == (series, dtype)), key=_size)
            if own:
                mark = _mark(series, style, hollow=dtype == "float64")
                spread = [r["quartiles"] or [r["median"]] * 3 for r in own]
                traces.append({
                    "name": escape(series), "type": "scatter", "mode": "lines+markers", "marker": mark, **once,
                    "line": {"dash": DASHES.get(dtype, "dash"), "width": 1.5, "color": mark["color"]},
                    "x": [_size(r) for r in own], "y": [r["median"] for r in own],
                    "error_y": {
                        "type": "data", "symmetric": False, "thickness": 1, "width": 3,
                        "array": [q[2] - r["median"] for q, r in zip(spread, own, strict=True)],
                        "arrayminus": [r["median"] - q[0] for q, r in zip(spread, own, strict=True)],
                    },
                    "text": [f"{escape(r['cell'])}: {seconds(r['median'])}" for r in own], "hoverinfo": "text+name",
                    "legendgroup": escape(series),
                })  # fmt: skip
        floors = {_size(r): r["floor"] for r in timed if r["dtype"] == dtype and r["floor"]}
        if floors:
            sizes = sorted(floors)
            traces.append({
                "name": "floor", "legendgroup": "floor", **once, "type": "scatter", "mode": "lines",
                "hoverinfo": "name",
                "line": {"dash": DASHES.get(dtype, "dash"), "width": 3, "color": GREY},
                "x": sizes, "y": [floors[size] for size in sizes],
            })  # fmt: skip
    return _figure(traces, "size of a step, m (n + 1) (k + 1)", "seconds a step")


def _operations(r: Result) -> tuple[float, float]:
    """Operations in products, and bytes read: the counts of the floor, but for the regressions 4 n m operations."""
    dims = tuple((letter, size) for letter, size in r["shape"].items() if size is not None)
    need = work(Cell(r["model"], dims, r["dtype"], r["device"]))
    return need["flops"] or 4.0 * r["shape"]["m"] * (r["shape"]["n"] or 1), need["bytes"]


def _roof(timed: Sequence[Result], ceilings: Mapping[str, float], style: Mapping[str, int]) -> Figure:
    """Operations a second against operations a byte, below the roof of this run's ceilings; of the models built in,
    whose operations are counted."""
    timed = [r for r in timed if r["model"] in MODELS]
    traces: list[Any] = []
    intensities = []
    for series in dict.fromkeys(r["series"] for r in timed if r["efficiency"]):
        own = [r for r in timed if r["series"] == series and r["efficiency"]]
        counts = [_operations(r) for r in own]
        intensities += [flops / read for flops, read in counts]
        traces.append({
            "name": escape(series), "type": "scatter", "mode": "markers", "marker": _mark(series, style),
            "x": [flops / read for flops, read in counts],
            "y": [flops / r["median"] for (flops, _), r in zip(counts, own, strict=True)],
            "text": [f"{escape(r['cell'])}: {100 * r['efficiency']:.0f}% of the floor" for r in own],
            "hoverinfo": "text+name",
        })  # fmt: skip
    if traces:
        x = np.geomspace(min(intensities) / 2, max(intensities) * 2, 60)
        roof = np.minimum(ceilings["gemm_flops_per_s"], x * ceilings["read_bytes_per_s"])
        line = {"color": GREY, "width": 3}
        told = {"name": "roof", "type": "scatter", "mode": "lines", "line": line, "hoverinfo": "name"}
        traces.insert(0, told | {"x": x.tolist(), "y": roof.tolist()})
    return _figure(traces, "operations in products per byte of data", "operations a second")


def _efficiency(timed: Sequence[Result], style: Mapping[str, int]) -> Figure:
    """Floor over time: a row a cell, a mark a series."""
    told = [r for r in timed if r["efficiency"]]
    traces = [
        {
            "name": escape(series), "type": "scatter", "mode": "markers", "marker": _mark(series, style),
            "x": [r["efficiency"] for r in told if r["series"] == series],
            "y": [_broken(r["cell"]) for r in told if r["series"] == series],
        }
        for series in dict.fromkeys(r["series"] for r in told)
    ]  # fmt: skip
    figure = _figure(traces, "share of the floor: 1 is as fast as this machine's ceilings allow", "")
    figure["layout"]["xaxis"] |= {"type": "linear", "dtick": 0.2, "tickformat": ".0%", "rangemode": "tozero"}
    figure["layout"]["shapes"] = [ONE]
    return _listed(figure, len({r["cell"] for r in told}))


def _ratios(ratios: Sequence[Result], style: Mapping[str, int]) -> Figure:
    """How many times faster than the best peer, with the interval: right of 1 is faster."""
    traces = []
    for series in dict.fromkeys(r["best"] for r in ratios):
        own = [r for r in ratios if r["best"] == series]
        traces.append({
            "name": escape(series), "type": "scatter", "mode": "markers", "marker": _mark(series, style),
            "x": [r["ratio"] for r in own], "y": [_broken(r["cell"]) for r in own],
            "error_x": {
                "type": "data", "symmetric": False, "thickness": 1.5, "width": 4,
                "array": [r["interval"][1] - r["ratio"] for r in own],
                "arrayminus": [r["ratio"] - r["interval"][0] for r in own],
            },
            "text": [f"{r['ratio']:.3g} times as fast as {escape(r['peer'])}" for r in own], "hoverinfo": "text+name",
        })  # fmt: skip
    figure = _figure(traces, "times faster than the best peer", "")
    figure["layout"]["shapes"] = [ONE]
    return _listed(figure, len({r["cell"] for r in ratios}))


def _figure(traces: list[Any], x: str, y: str) -> Figure:
    axis = {"type": "log", "exponentformat": "power", "dtick": 1}
    layout = {"xaxis": axis | {"title": {"text": x}}, "yaxis": axis | {"title": {"text": y}}}
    return {"traces": traces, "layout": layout, "height": 30}


def _listed(figure: Figure, count: int) -> Figure:
    """The figure with a row for each of `count` cells, first on top; its height in rem."""
    figure["layout"]["yaxis"] = {"autorange": "reversed", "type": "category", "tickfont": {"size": 11}}
    return figure | {"height": math.ceil(9 + 2.8 * count)}


def _broken(cell: str) -> str:
    """A cell's name on two lines."""
    model, _, rest = escape(cell).partition(" ")
    return f"{model}<br>{rest}"


def main(argv: Sequence[str] | None = None) -> int:
    """Write the page of the result in a file. Exit code: 0, or 2 where it is none."""
    parser = Parser(prog="python -m benchmarks.page", description=__doc__.split("\n")[0], allow_abbrev=False)
    parser.add_argument("file", metavar="FILE", help="written by the --json of python -m benchmarks")
    parser.add_argument("page", metavar="PAGE", help="where to: page.html")

    def run() -> int:
        arguments = parser.parse_args(argv)
        needed()
        check_writable(arguments.page)
        write(arguments.page, shown(arguments.file, page))
        return 0

    return ended("benchmarks.page", run)


if __name__ == "__main__":
    sys.exit(main())
