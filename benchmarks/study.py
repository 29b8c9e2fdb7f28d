"""What the studies beside the main benchmark share: their options, errors of one line, and where results go."""

import argparse
import time
from collections.abc import Callable, Sequence
from typing import Any

from rich.console import RenderableType

from backproof.console.ending import ended
from backproof.console.parser import Parser
from backproof.console.terminal import activity, results_console
from backproof.core.files import check_writable, write_json
from backproof.pages.pictures import needed, save

Tell = Callable[[str], None]
Lines = list[dict[str, Any]]


def study(
    name: str,
    description: str,
    measure: Callable[[argparse.Namespace, Tell], tuple[dict[str, Any], Lines]],
    table: Callable[[Lines], RenderableType],
    draw: Callable[[Lines], Any],
    arguments: Callable[[Parser], None] = lambda parser: None,
    argv: Sequence[str] | None = None,
) -> int:
    """Run `measure`, which gives the environment and a line a finding; JSON, table and picture of them.

    `draw` gives a matplotlib figure. Exit code: 0, or 2 where the input or the environment is at fault.
    """
    form = argparse.RawDescriptionHelpFormatter
    parser = Parser(
        prog=f"python -m benchmarks.{name}", description=description, formatter_class=form, allow_abbrev=False
    )
    arguments(parser)
    parser.add_argument("--json", metavar="FILE", help='all findings as JSON ("-": to standard output)')
    parser.add_argument("--plot", metavar="FILE", help="a picture, .png or .svg (needs matplotlib)")

    def run() -> int:
        options, begun = parser.parse_args(argv), time.monotonic()
        check_writable(options.json, options.plot)
        if options.plot:
            needed(options.plot)
        with activity("starting") as show:
            environment, lines = measure(options, lambda text: show(f"{time.monotonic() - begun:.0f} s: {text}"))
        if options.json:
            write_json(options.json, {"environment": environment, name: lines})
        if options.plot:
            figure = draw(lines)
            figure.tight_layout()
            save(figure, options.plot)
        results_console(options.json).print(table(lines))
        return 0

    return ended(f"benchmarks.{name}", run)
