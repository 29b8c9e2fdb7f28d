"""`backproof backends`: what is installed."""

import argparse
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from backproof.console.parser import Parser, add_command
from backproof.core.files import Outputs, check_writable, json_text

if TYPE_CHECKING:
    from rich.console import Console

    from backproof.hosting.registry import Description


def add(commands: "argparse._SubParsersAction[Parser]") -> None:
    parser = add_command(
        commands,
        "backends",
        "List the backends that are installed: versions, devices, dtypes, series, precision settings.",
        "backproof backends --json -",
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:

    from backproof.conformance.session import start
    from backproof.console.terminal import activity, results_console

    check_writable(arguments.json)
    with activity("starting the backends"):
        workers, described, missing = start(())
    for worker in workers.values():
        worker.close()
    told = {"backends": [backend.as_json() for backend in described], "missing": missing}
    with Outputs() as outputs:
        outputs.write(arguments.json, lambda: json_text(told))
        _show(results_console(arguments.json), described, missing)
    return 0


def _show(console: "Console", described: Sequence["Description"], missing: Mapping[str, str]) -> None:
    from rich.table import Table
    from rich.text import Text

    table = Table("backend", "dtypes", "series", "settings")
    for backend in described:
        settings = "\n".join(f"{key}: {value}" for key, value in backend.settings.items())
        labels = [series.label for series in backend.series]
        row = ("\n".join(items) for items in (backend.dtypes, labels))
        name = f"{backend.name}\n{backend.version}\non {', '.join(backend.devices)}"
        table.add_row(name, *row, settings, end_section=True)
    console.print(table)
    for backend in described:
        for series in backend.series:
            if series.unavailable:
                console.print(Text(f"missing: {backend.name}:{series.name}: {series.unavailable}", "yellow"))
    for reason in missing.values():
        console.print(Text(f"missing: {reason}", "yellow"))
