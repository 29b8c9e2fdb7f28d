"""`backproof backends`: what is installed."""

import argparse

from backproof.cli.parser import Parser, add_command
from backproof.files import check_writable, write_json


def add(commands: "argparse._SubParsersAction[Parser]") -> None:
    parser = add_command(
        commands,
        "backends",
        "List the backends that are installed: versions, devices, dtypes, series, precision settings.",
        "backproof backends --json -",
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    from dataclasses import asdict

    from rich.table import Table
    from rich.text import Text

    from backproof.cli.terminal import results_console
    from backproof.conformance.session import start

    check_writable(arguments.json)
    workers, described, missing = start(())
    for worker in workers.values():
        worker.close()
    if arguments.json:
        write_json(arguments.json, {"backends": [asdict(backend) for backend in described], "missing": missing})
    table = Table("backend", "version", "devices", "dtypes", "series", "settings")
    for backend in described:
        settings = "\n".join(f"{key}: {value}" for key, value in backend.settings.items())
        series = [backend.label(series) for series in backend.series]
        row = ("\n".join(items) for items in (backend.devices, backend.dtypes, series))
        table.add_row(backend.name, backend.version, *row, settings)
    console = results_console(arguments.json)
    console.print(table)
    for backend in described:
        for one, reason in backend.lacking.items():
            console.print(Text(f"missing: {backend.name}:{one}: {reason}", "yellow"))
    for reason in missing.values():
        console.print(Text(f"missing: {reason}", "yellow"))
    return 0
