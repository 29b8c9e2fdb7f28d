"""A result's figures for the page, as Plotly traces and layouts: series keep their colour and symbol in all of them.

`timed` are rows of a result that were verified; `style` numbers the series.
"""

import math
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

import numpy as np

from benchmarks.counts import on_roof, operations, size
from benchmarks.table import percent, seconds, shares

HUES = ("#4a7fd6", "#d08a1f", "#3d9a6c", "#b0569f", "#c8523f", "#2f9fb3", "#8a7a2e", "#7a6bd0", "#a0673c", "#6f8f2f")
SYMBOLS = ("circle", "square", "diamond", "cross", "x", "triangle-up", "triangle-down", "star", "hexagon", "pentagon")
DASHES = {"float32": "solid", "float64": "dot"}
GREY = "#8a929b"
ONE = {"type": "line", "x0": 1, "x1": 1, "yref": "paper", "y0": 0, "y1": 1}

Result = Mapping[str, Any]
Figure = dict[str, Any]


def _mark(series: str, style: Mapping[str, int], hollow: bool = False) -> dict[str, Any]:
    at = style[series]
    symbol = SYMBOLS[at % len(SYMBOLS)]
    return {"symbol": f"{symbol}-open" if hollow else symbol, "color": HUES[at % len(HUES)], "size": 9}


def times(timed: Sequence[Result], style: Mapping[str, int]) -> Figure:
    """Median time a step, with quartiles, against size; dotted and hollow in float64; in grey the floors."""
    traces: list[Any] = []
    dtypes = list(dict.fromkeys(r["dtype"] for r in timed))
    for dtype in dtypes:
        once = {"showlegend": dtype == dtypes[0]}
        for series in dict.fromkeys(r["series"] for r in timed):
            own = sorted((r for r in timed if (r["series"], r["dtype"]) == (series, dtype)), key=size)
            if own:
                mark = _mark(series, style, hollow=dtype == "float64")
                spread = [r["quartiles"] or [r["median"]] * 3 for r in own]
                traces.append({
                    "name": escape(series), "type": "scatter", "mode": "lines+markers", "marker": mark, **once,
                    "line": {"dash": DASHES.get(dtype, "dash"), "width": 1.5, "color": mark["color"]},
                    "x": [size(r) for r in own], "y": [r["median"] for r in own],
                    "error_y": {
                        "type": "data", "symmetric": False, "thickness": 1, "width": 3,
                        "array": [q[2] - r["median"] for q, r in zip(spread, own, strict=True)],
                        "arrayminus": [r["median"] - q[0] for q, r in zip(spread, own, strict=True)],
                    },
                    "text": [f"{escape(r['cell'])}: {seconds(r['median'])}" for r in own], "hoverinfo": "text+name",
                    "legendgroup": escape(series),
                })  # fmt: skip
        floors = {size(r): r["floor"] for r in timed if r["dtype"] == dtype and r["floor"]}
        if floors:
            sizes = sorted(floors)
            traces.append({
                "name": "floor", "legendgroup": "floor", **once, "type": "scatter", "mode": "lines",
                "hoverinfo": "name",
                "line": {"dash": DASHES.get(dtype, "dash"), "width": 3, "color": GREY},
                "x": sizes, "y": [floors[size] for size in sizes],
            })  # fmt: skip
    return _figure(traces, "size of a step, m (n + 1) (k + 1)", "seconds a step")


def roof(timed: Sequence[Result], ceilings: Mapping[str, float], style: Mapping[str, int]) -> Figure:
    """Operations a second against operations a byte, below the roof of this run's ceilings."""
    timed = list(filter(on_roof, timed))
    traces: list[Any] = []
    intensities = []
    for series in dict.fromkeys(r["series"] for r in timed):
        own = [r for r in timed if r["series"] == series]
        counts = [operations(r) for r in own]
        intensities += [flops / read for flops, read in counts]
        traces.append({
            "name": escape(series), "type": "scatter", "mode": "markers", "marker": _mark(series, style),
            "x": [flops / read for flops, read in counts],
            "y": [flops / r["median"] for (flops, _), r in zip(counts, own, strict=True)],
            "text": [escape(r["cell"]) + _share(r) for r in own],
            "hoverinfo": "text+name",
        })  # fmt: skip
    if traces:
        x = np.geomspace(min(intensities) / 2, max(intensities) * 2, 60)
        roof = np.minimum(ceilings["gemm_flops_per_s"], x * ceilings["read_bytes_per_s"])
        line = {"color": GREY, "width": 3}
        told = {"name": "roof", "type": "scatter", "mode": "lines", "line": line, "hoverinfo": "name"}
        traces.insert(0, told | {"x": x.tolist(), "y": roof.tolist()})
    return _figure(traces, "operations in products per byte of data", "operations a second")


def efficiency(timed: Sequence[Result], style: Mapping[str, int]) -> Figure:
    """Floor over time: a row a cell, a mark a series."""
    told = [r for r in timed if r["efficiency"] and shares(r)]
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


def ratios(told: Sequence[Result], style: Mapping[str, int]) -> Figure:
    """How many times faster than the best peer, with the interval: right of 1 is faster."""
    traces = []
    for series in dict.fromkeys(r["best"] for r in told):
        own = [r for r in told if r["best"] == series]
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
    ticks = [digit * 10.0**power for power in range(-4, 5) for digit in (1, 2, 5)]
    figure["layout"]["xaxis"] |= {"tickvals": ticks, "ticktext": [f"{tick:g}" for tick in ticks]}
    figure["layout"]["shapes"] = [ONE]
    return _listed(figure, len({r["cell"] for r in told}))


def _figure(traces: list[Any], x: str, y: str) -> Figure:
    axis = {"type": "log", "exponentformat": "power", "dtick": 1}
    layout = {"xaxis": axis | {"title": {"text": x}}, "yaxis": axis | {"title": {"text": y}}}
    return {"traces": traces, "layout": layout, "height": 30}


def _listed(figure: Figure, count: int) -> Figure:
    """The figure with a row for each of `count` cells, first on top; its height in rem."""
    figure["layout"]["yaxis"] = {"autorange": "reversed", "type": "category", "tickfont": {"size": 11}}
    return figure | {"height": math.ceil(9 + 2.8 * count)}


def _share(result: Result) -> str:
    return f": {percent(result['efficiency'])} of the floor" if shares(result) else ""


def _broken(cell: str) -> str:
    """A cell's name on two lines."""
    model, _, rest = escape(cell).partition(" ")
    return f"{model}<br>{rest}"
