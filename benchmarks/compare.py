"""Two runs side by side: `python -m benchmarks.compare OLD.json NEW.json`, written by `python -m benchmarks --json`.

A series is told faster or slower where the 95% interval of the ratio of its medians lies beyond 1 and beyond what A/A,
one series measured twice, showed in either run. The runs were not interleaved, so the machine may have been another:
the share of the floor, which every run measures anew, is the comparison that most of that cancels in.
"""

import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from backproof.console.ending import ended
from backproof.console.parser import Parser
from backproof.console.terminal import results_console
from backproof.results.drift import backend_facts, differences
from benchmarks.ratios import RESAMPLES, noise, verdict
from benchmarks.table import percent, seconds, shares, shown, with_interval

Times = np.ndarray[Any, np.dtype[np.float64]]


@dataclass(frozen=True)
class Timed:
    """One verified series of one cell: seconds a step, a round each; its share of the floor; threads."""

    samples: Times
    share: float | None
    threads: int


@dataclass(frozen=True)
class Run:
    """What is compared of a run: series by (cell, name), the largest A/A ratio of a cell, what the times depend on."""

    timed: Mapping[tuple[str, str], Timed]
    noise: Mapping[str, float]
    facts: Mapping[str, Any]


def read(path: str) -> Run:
    """The run whose result is in the file. Raises InputError where it is none."""
    return shown(path, _read)


def _read(result: Mapping[str, Any]) -> Run:
    timed = {
        (r["cell"], r["series"]): Timed(
            np.array(r["samples"], np.float64), r["efficiency"] if shares(r) else None, int(r["threads"])
        )
        for r in result["results"]
        if r["verified"]
    }
    if not all(t.samples.ndim == 1 and t.samples.size and (t.samples > 0).all() for t in timed.values()):
        raise ValueError
    environment = result["environment"]
    facts = {name: environment[name] for name in ("backproof", "python", "platform", "processor", "threads")}
    for name, backend in environment["backends"].items():
        facts |= backend_facts(name, backend)
    return Run(timed, {cell: noise(twice) for cell, twice in result["noise"].items()}, facts)


def ratio(then: Times, now: Times) -> dict[str, Any]:
    """How many times faster `now` is, by medians, with its 95% interval: rounds are resampled, each run's by itself."""
    rng = np.random.default_rng(0)
    old, new = (np.median(times[rng.integers(0, times.size, (RESAMPLES, times.size))], axis=1) for times in (then, now))
    low, high = np.quantile(old / new, [0.025, 0.975])
    return {"ratio": float(np.median(then) / np.median(now)), "interval": [float(low), float(high)]}


def compared(then: Run, now: Run) -> Iterator[RenderableType]:
    """What the times depend on and is different, a table a cell, and what only one run has."""
    differ = differences(then.facts, now.facts)
    yield Text("versions, settings and machine are the same" if not differ else "what is different:", "dim")
    yield from (Text(f"  {what}: {before} -> {after}", "dim") for what, before, after in differ)
    both = [key for key in now.timed if key in then.timed]
    for cell in dict.fromkeys(cell for cell, _ in both):
        most = max(then.noise.get(cell, 1.0), now.noise.get(cell, 1.0))
        table = Table(title=f"{cell}: A/A within {most:.3g}", title_style="", title_justify="left")
        for heading in ("series", "then", "now", "times faster, 95%", "", "of the floor"):
            table.add_column(heading, no_wrap=heading == "series")
        for key in (key for key in both if key[0] == cell):
            table.add_row(key[1], *_row(then.timed[key], now.timed[key], most))
        yield table
    for which, one, other in (("earlier", then, now), ("later", now, then)):
        alone = [key for key in one.timed if key not in other.timed]
        for cell in dict.fromkeys(cell for cell, _ in alone):
            yield Text(f"only in the {which} run: {cell}: {', '.join(s for c, s in alone if c == cell)}", "dim")
    if not both:
        yield Text("no series of a cell was timed and verified in both runs", "yellow")


def _row(then: Timed, now: Timed, most: float) -> list[str]:
    medians = [seconds(float(np.median(t.samples))) for t in (then, now)]
    if then.threads != now.threads:
        return [*medians, f"threads: {then.threads} -> {now.threads}", "", ""]
    found = ratio(then.samples, now.samples)
    said = verdict(found["interval"], most)
    shares = [percent(t.share) for t in (then, now)]
    told = " -> ".join(shares) if all(shares) else ""
    return [*medians, with_interval(found), "" if said == "undecided" else said, told]


def main(argv: Sequence[str] | None = None) -> int:
    """Print the comparison. Exit code: 0, or 2 where a file is no result."""
    parser = Parser(prog="python -m benchmarks.compare", description=__doc__.split("\n")[0], allow_abbrev=False)
    parser.add_argument("old", metavar="OLD-FILE", help="the earlier run: what python -m benchmarks --json wrote")
    parser.add_argument("new", metavar="NEW-FILE", help="the later run")

    def run() -> int:
        arguments = parser.parse_args(argv)
        then, now = read(arguments.old), read(arguments.new)
        console = results_console()
        for part in compared(then, now):
            console.print(part)
        return 0

    return ended("benchmarks.compare", run)


if __name__ == "__main__":
    sys.exit(main())
