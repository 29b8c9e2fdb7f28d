"""`python -m benchmarks`: every series of every cell within a time budget, verified, as a table, JSON and plots."""

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial

from backproof.console.ending import ended
from backproof.console.parser import Parser
from backproof.console.terminal import activity, results_console
from backproof.core.errors import InputError
from backproof.core.files import Outputs, check_writable, json_text
from backproof.hosting.registry import sources
from backproof.models.user_file import is_file
from benchmarks import cuda
from benchmarks.cells import Cell, cells, work
from benchmarks.named import backend_of
from benchmarks.session import Run
from benchmarks.table import tables


def main(argv: Sequence[str] | None = None) -> int:
    """Exit code: 0 all verified, 1 where a verification failed, 2 the input or the environment is at fault."""
    return ended("benchmarks", lambda: _run(_options(argv)))


def _options(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = Parser(
        prog="python -m benchmarks",
        description="Time gradient descent in every series, verified and side by side.",
        epilog="example:\n  python -m benchmarks --model univariate --shape m=1000000 --budget 60 --json result.json",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument(
        "--model",
        action="append",
        default=[],
        metavar="M|FILE.py",
        help="a model, or a derivation's FILE.py (default: all four)",
    )
    parser.add_argument(
        "--series", action="append", default=[], help="a series as backend:name, or module:attr:name (default: all)"
    )
    parser.add_argument("--dtype", action="append", default=[], help="float32 or float64 (default: both)")
    parser.add_argument("--device", default="cpu", help="cpu or cuda")
    parser.add_argument(
        "--shape", action="append", default=[], metavar="n,m,k", help="a size, or as n=4,m=32 (default: a list)"
    )
    parser.add_argument("--budget", type=float, default=600.0, metavar="SECONDS", help="time in all (default: 600)")
    parser.add_argument("--json", metavar="FILE", help='raw samples and all else as JSON ("-": to standard output)')
    parser.add_argument("--html", metavar="FILE", help="write the result as a page to look at (needs backproof[html])")
    parser.add_argument("--plots", metavar="FOLDER", help="draw the plots (needs matplotlib)")
    return parser.parse_args(argv)


def _run(options: argparse.Namespace) -> int:
    if not options.budget > 0:
        raise InputError(f"--budget is {options.budget}; it must be a positive number of seconds")
    files = [model for model in options.model if is_file(model)]
    modules = [file for series in options.series for file in sources(backend_of(series))]
    check_writable(options.json, options.html, reads=[*files, *modules])
    if options.html:
        from backproof.pages.render import needed

        needed(options.html)
    if options.plots is not None:
        from benchmarks import plots

        plots.check(options.plots)
    planned = cells(options.model, options.dtype, options.shape, options.device)
    start = time.monotonic()
    run, interrupted = Run(options.series), False
    try:
        if options.device == "cuda":
            cuda.needed(run.workers)
        precisions = list(dict.fromkeys(cell.precision for cell in planned))
        with activity("ceilings") as show:
            begun = time.monotonic()
            run.measure_ceilings(precisions, options.device)
            end = start + options.budget - (time.monotonic() - begun)  # they are measured again
            for number, cell in enumerate(planned):
                head = f"[{number + 1}/{len(planned)}, {max(end - time.monotonic(), 0):.0f} s left]"
                share = _weight(cell) / sum(map(_weight, planned[number:]))
                tell = partial(_tell, show, head)
                run.measure(cell, share * (end - time.monotonic()), tell)
            run.measure_ceilings(
                precisions, options.device
            )  # a machine that was busy the first time is not its own ceiling
    except KeyboardInterrupt:
        interrupted = True
        run.leave_out(planned, "the run was interrupted")
    finally:
        run.close()
    result = run.as_json(interrupted)
    console = results_console(options.json, options.html)
    with Outputs() as outputs:
        outputs.write(options.json, lambda: json_text(result))
        if options.plots:
            outputs.save(lambda: plots.draw(result, options.plots))
        if options.html:
            from benchmarks import page

            outputs.save(lambda: page.save(result, options.html))
        for part in tables(result):
            console.print(part)
    failed = [r for r in run.results if not r["verified"]]
    return 130 if interrupted else 1 if failed else 0


def _tell(show: Callable[[str], None], head: str, text: str) -> None:
    """Progress: a live line on a terminal, a line a step in a log."""
    show(f"{head} {text}")
    if not sys.stderr.isatty() and "round" not in text:
        sys.stderr.write(f"{head} {text}\n")


def _weight(cell: Cell) -> float:
    """A cell's share of the budget: large products need longer for the same number of rounds."""
    heavy = min(work(cell)["flops"] / 2e10, 1.5)
    return 1 + 2 * heavy * (2 if cell.dtype == "float64" else 1)


if __name__ == "__main__":
    sys.exit(main())
