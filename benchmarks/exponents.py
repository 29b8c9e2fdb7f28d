"""How the cost of a step grows with m, n and k: exponents fitted over three decades of each.

example:
  python -m benchmarks.exponents --json exponents.json --plot exponents.png
"""

import argparse
import sys
from collections.abc import Sequence
from typing import Any

import numpy as np
from rich.table import Table

from backproof.console.parser import Parser
from backproof.models import MODELS
from benchmarks.cells import Cell
from benchmarks.session import Run
from benchmarks.study import Lines, Tell, study
from benchmarks.table import seconds

SERIES = ("numpy:tiled", "numba:fused", "jax:loop")
LARGE = dict(n=64, m=4096, k=64)  # of the letters that stay
GROWING = {
    "univariate": {"m": 1024},
    "multivariate": {"m": 1024, "n": 16},
    "two_layer_linear": {"m": 256, "n": 16, "k": 16},
    "two_layer_nonlinear": {"m": 256, "n": 16, "k": 16},
}  # the smallest size of each letter; the largest is 1024 times it
FACTORS = (1, 4, 16, 64, 256, 1024)
SECONDS = 1.5  # a cell
UPPER = 3  # of the sizes: the end where products, not calls, take the time


def exponent(sizes: Sequence[float], times: Sequence[float]) -> tuple[float, float]:
    """Slope of log time against log size by least squares, and its standard error."""
    x, t = np.log(sizes), np.log(times)
    centred = x - x.mean()
    slope = float(centred @ t / (centred @ centred))
    residual = t - t.mean() - slope * centred
    return slope, float(np.sqrt(residual @ residual / (len(x) - 2) / (centred @ centred)))


def measure(options: argparse.Namespace, tell: Tell) -> tuple[dict[str, Any], Lines]:
    """A line for every model, letter and series: sizes, medians of verified steps, exponents."""
    run = Run(options.series or SERIES)
    try:
        run.measure_ceilings([options.dtype])
        return run.environment(), _lines(run, tell, options.dtype)
    finally:
        run.close()


def _lines(run: Run, tell: Tell, dtype: str) -> Lines:
    lines = []
    for model, smallest in GROWING.items():
        for letter, least in smallest.items():
            own = MODELS[model].letters
            sizes = [least * factor for factor in FACTORS]
            cells = [
                Cell(model, tuple((a, size if a == letter else LARGE[a]) for a in own), dtype, "cpu") for size in sizes
            ]
            for cell in cells:
                run.measure(cell, SECONDS, tell)
            for series in run.series:
                found = {r["cell"]: r["median"] for r in run.results if r["series"] == series and r["verified"]}
                timed = [(size, found[cell.id]) for size, cell in zip(sizes, cells, strict=True) if cell.id in found]
                if len(timed) > UPPER:
                    whole, upper = exponent(*zip(*timed, strict=True)), exponent(*zip(*timed[-UPPER:], strict=True))
                    lines.append({
                        "model": model, "letter": letter, "series": series, "dtype": dtype,
                        "sizes": [size for size, _ in timed], "seconds": [median for _, median in timed],
                        "exponent": whole[0], "standard_error": whole[1],
                        "upper_exponent": upper[0], "upper_standard_error": upper[1],
                    })  # fmt: skip
    return lines


def table(lines: Lines) -> Table:
    """The exponents, with the time at either end."""
    told = Table("model", "grows", "series", "from", "to", "exponent", f"of the last {UPPER}")
    for line in lines:
        told.add_row(
            line["model"], f"{line['letter']} {line['sizes'][0]} .. {line['sizes'][-1]}", line["series"],
            seconds(line["seconds"][0]), seconds(line["seconds"][-1]),
            f"{line['exponent']:.2f} ± {line['standard_error']:.2f}",
            f"{line['upper_exponent']:.2f} ± {line['upper_standard_error']:.2f}",
        )  # fmt: skip
    return told


def draw(lines: Lines) -> Any:
    """Time a step against each letter, a panel a model; a dashed line is linear growth."""
    from matplotlib import pyplot

    models = list(dict.fromkeys(line["model"] for line in lines))
    figure, panels = pyplot.subplots(1, len(models), figsize=(4.5 * len(models), 4.5), squeeze=False)
    marks = {"m": "o", "n": "s", "k": "^"}
    for axes, model in zip(panels[0], models, strict=True):
        for number, series in enumerate(dict.fromkeys(line["series"] for line in lines)):
            for line in (one for one in lines if one["model"] == model and one["series"] == series):
                label = f"{series}, {line['letter']}"
                axes.loglog(
                    line["sizes"], line["seconds"], marks[line["letter"]] + "-", color=f"C{number}", label=label
                )
        low, high = axes.get_xlim()
        top = axes.get_ylim()[1]
        axes.loglog([low, high], [top * low / high, top], "k--", lw=1, label="linear")
        axes.set(title=model, xlabel="size of the letter", ylabel="seconds a step, median")
        axes.legend(fontsize=6)
    return figure


def arguments(parser: Parser) -> None:
    """What is asked for, beside the options of every study."""
    parser.add_argument("--series", action="append", default=[], help=f"a series (default: {', '.join(SERIES)})")
    parser.add_argument("--dtype", default="float64", choices=["float64", "float32"])


def main(argv: Sequence[str] | None = None) -> int:
    """Exit code: 0, or 2 where the input or the environment is at fault."""
    return study("exponents", __doc__, measure, table, draw, arguments, argv=argv)


if __name__ == "__main__":
    sys.exit(main())
