"""A result for people: as rich tables, and as Markdown (`python -m benchmarks.table FILE`)."""

import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from backproof.console.ending import ended
from backproof.console.parser import Parser
from backproof.core.errors import InputError
from backproof.core.files import read_text, write
from benchmarks.cuda import throttled

T = TypeVar("T")

HEADINGS = ("series", "time a step", "of the floor", "of GEMM", "compile", "dispatch", "error / bound")


def rows(results: list[Mapping[str, Any]]) -> Iterator[tuple[str, ...]]:
    """A cell's series, fastest first; one whose verification failed has no time."""
    for r in sorted(results, key=lambda r: r["median"] or float("inf")):
        share = r["error"] / r["bound"] if r["verified"] else None
        yield (
            r["series"],
            seconds(r["median"]) if r["verified"] else "not verified",
            percent(r["efficiency"] if shares(r) else None),
            percent(r["gemm_share"] if shares(r) else None),
            seconds(r["compile_seconds"]),
            seconds(r["dispatch_seconds"]),
            "" if share is None else f"{share:.2g}",
        )


def shares(result: Mapping[str, Any]) -> bool:
    """Whether its time is told as a share of the floor: not where calls bind, the floor being of their work alone."""
    return bool(result["binds"] != "dispatch")


def headline(cell: str, result: Mapping[str, Any]) -> str:
    """The cell, what binds it and its floor."""
    first = next(r for r in result["results"] if r["cell"] == cell)
    noise = result["noise"].get(cell)
    aa = f"; A/A {with_interval(noise)}" if noise else ""
    least = next((r["floor"] for r in result["results"] if r["cell"] == cell and r["floor"]), None)
    return f"{cell}: floor {seconds(least)}, bound by {first['binds']}; {first['threads']} threads{aa}"


def tables(result: Mapping[str, Any]) -> Iterator[RenderableType]:
    """A table a cell; then ratios to the best peer."""
    for cell in dict.fromkeys(r["cell"] for r in result["results"]):
        table = Table(title=headline(cell, result), title_style="", title_justify="left")
        for heading in HEADINGS:
            table.add_column(heading, no_wrap=heading == "series")
        for row in rows([r for r in result["results"] if r["cell"] == cell]):
            table.add_row(*row)
        yield table
    table = Table("cell", "ours", "best peer", "times faster, 95% interval", title="ratios", title_style="")
    for r in result["ratios"]:
        table.add_row(r["cell"], r["best"], r["peer"], with_interval(r))
    if result["ratios"]:
        yield table
    yield from map(Text, [*not_verified(result), *left_out(result), *throttled(result.get("clocks", []))])


def markdown(result: Mapping[str, Any]) -> str:
    """The same as Markdown."""
    lines = []
    for dtype, ceiling in result["ceilings"].items():
        exp = f", {ceiling['exp_per_s'] / 1e9:.2f} G exp/s" if "exp_per_s" in ceiling else ""
        lines.append(
            f"Ceilings, {dtype}: {ceiling['gemm_flops_per_s'] / 1e9:.0f} GFLOP/s, read "
            f"{ceiling['read_bytes_per_s'] / 1e9:.1f} GB/s{exp}."
        )
    for cell in dict.fromkeys(r["cell"] for r in result["results"]):
        lines += ["", f"**{headline(cell, result)}**", "", _row(HEADINGS), _row(["---"] * len(HEADINGS))]
        lines += [_row(row) for row in rows([r for r in result["results"] if r["cell"] == cell])]
    if result["ratios"]:
        lines += ["", _row(["cell", "ours", "best peer", "times faster, 95% interval"]), _row(["---"] * 4)]
    lines += [_row([r["cell"], r["best"], r["peer"], with_interval(r)]) for r in result["ratios"]]
    lines += ["", *not_verified(result), *left_out(result), *throttled(result.get("clocks", []))]
    return "\n".join(lines).rstrip() + "\n"


def not_verified(result: Mapping[str, Any]) -> list[str]:
    """Why a series has no time, a line each."""
    failed = [r for r in result["results"] if not r["verified"]]
    return [f"not verified: {r['cell']}: {r['series']}: {r['reason']}" for r in failed]


def left_out(result: Mapping[str, Any]) -> list[str]:
    """What the budget had no time for: cells that lack the same series, for the same reason, share a line."""
    series: dict[tuple[str, str], list[str]] = {}
    for one in result["left_out"]:
        series.setdefault((one["cell"], one["reason"]), []).append(one["series"])
    cells: dict[tuple[str, str], list[str]] = {}
    for (cell, reason), names in series.items():
        cells.setdefault((", ".join(names), reason), []).append(cell)
    return [f"left out: {'; '.join(ids)}: {names}: {reason}" for (names, reason), ids in cells.items()]


def seconds(value: float | None) -> str:
    """A time with three digits and its unit."""
    if value is None:
        return ""
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)):
        if value >= size:
            return f"{value / size:.3g} {unit}"
    return f"{value * 1e9:.0f} ns"


def percent(value: float | None) -> str:
    """A share as whole percents."""
    return "" if value is None else f"{100 * value:.0f}%"


def with_interval(ratio: Mapping[str, Any]) -> str:
    """A ratio with three digits, and its interval."""
    low, high = ratio["interval"]
    return f"{ratio['ratio']:.3g} [{low:.3g}, {high:.3g}]"


def _row(cells: Any) -> str:
    return "| " + " | ".join(cells) + " |"


def main(argv: Sequence[str] | None = None) -> int:
    """Print the result in a file as Markdown. Exit code: 0, or 2 where it is none."""
    parser = Parser(prog="python -m benchmarks.table", description=__doc__, allow_abbrev=False)
    parser.add_argument("file", metavar="FILE", help="written by the --json of python -m benchmarks")

    def run() -> int:
        write("-", shown(parser.parse_args(argv).file, markdown))
        return 0

    return ended("benchmarks.table", run)


def shown(path: str, show: Callable[[Mapping[str, Any]], T]) -> T:
    """The result in a file as `show` has it. Raises InputError where it cannot be read or is none."""
    try:
        return show(json.loads(read_text(path)))
    except InputError:
        raise
    except (ValueError, LookupError, TypeError, AttributeError, ArithmeticError, RecursionError):
        raise InputError(f"{path} is no result of python -m benchmarks; give a file written by its --json") from None


if __name__ == "__main__":
    sys.exit(main())
