"""A result as one self-contained page: ratios, time against size, roofline, efficiency, every cell's table, noise.

example:
  python -m benchmarks.page result.json page.html
"""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from backproof.console.ending import ended
from backproof.console.parser import Parser
from backproof.core.files import check_writable, write
from backproof.pages import render
from benchmarks.figures import efficiency, ratios, roof, times
from benchmarks.ratios import noise, verdict
from benchmarks.table import HEADINGS, headline, left_out, not_verified, rows, shown

HERE = Path(__file__).parent
WHAT_BINDS = {"gemm_flops_per_s": ("products", "GFLOP/s"), "read_bytes_per_s": ("reading", "GB/s"),
              "exp_per_s": ("exponentials", "G exp/s")}  # fmt: skip

Result = Mapping[str, Any]


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
    figures = {f"time-{model}": times([r for r in timed if r["model"] == model], style) for model in models}
    figures |= {f"roof-{d}": roof([r for r in timed if r["dtype"] == d], result["ceilings"][d], style) for d in dtypes}
    figures |= {f"floor-{dtype}": efficiency([r for r in timed if r["dtype"] == dtype], style) for dtype in dtypes}
    if result["ratios"]:
        figures["ratios"] = ratios(result["ratios"], style)
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
        ratios=[
            r | {"verdict": verdict(r["interval"], noise(result["noise"].get(r["cell"])))} for r in result["ratios"]
        ],
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


def main(argv: Sequence[str] | None = None) -> int:
    """Write the page of the result in a file. Exit code: 0, or 2 where it is none."""
    parser = Parser(prog="python -m benchmarks.page", description=__doc__.split("\n")[0], allow_abbrev=False)
    parser.add_argument("file", metavar="FILE", help="written by the --json of python -m benchmarks")
    parser.add_argument("page", metavar="PAGE", help="where to: page.html")

    def run() -> int:
        arguments = parser.parse_args(argv)
        check_writable(arguments.page, reads=[arguments.file])
        render.needed(arguments.page)
        write(arguments.page, shown(arguments.file, page))
        return 0

    return ended("benchmarks.page", run)


if __name__ == "__main__":
    sys.exit(main())
