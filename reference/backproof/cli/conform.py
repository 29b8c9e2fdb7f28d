"""`backproof conform`: the conformance matrix."""

import argparse
import time

from backproof.cli.parser import Parser, add_command, natural
from backproof.errors import InputError
from backproof.files import check_writable, write, write_json


def add(commands: "argparse._SubParsersAction[Parser]") -> None:
    parser = add_command(
        commands,
        "conform",
        "Check backends' losses, outputs and gradients against the certified truth.",
        "backproof conform --backend torch --model two_layer_nonlinear --dtype float32",
    )
    parser.add_argument(
        "--backend", action="append", metavar="NAME|module:attr|all", help="a backend (default: those that import)"
    )
    parser.add_argument("--model", action="append", help="a model (default: all four)")
    parser.add_argument("--dtype", action="append", help="a dtype (default: float64 and float32)")
    parser.add_argument("--device", default="cpu", metavar="cpu|cuda|all", help="where to run (default: cpu)")
    parser.add_argument("--cells", default="default", metavar="quick|default|full", help="how many shapes")
    parser.add_argument("--seed", type=natural, default=0, help="the seed of the cells' data (default: 0)")
    parser.add_argument("--strict", action="store_true", help="exit with 1 on INCONCLUSIVE and SKIP too")
    parser.add_argument("--junit", metavar="PATH", help="write the result as JUnit XML")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    from backproof.cli.terminal import results_console, track
    from backproof.conformance.decide import Report
    from backproof.conformance.results import as_json, as_junit, summary
    from backproof.conformance.runner import run as run_cells
    from backproof.conformance.session import Session
    from backproof.conformance.table import closing, findings, table

    check_writable(arguments.json, arguments.junit)
    session = Session.open(
        arguments.backend or (),
        arguments.model or (),
        arguments.dtype or (),
        arguments.device,
        arguments.cells,
        arguments.seed,
    )
    console = results_console(arguments.json, arguments.junit)
    for backend in session.backends:
        console.print(f"{backend.name} {backend.version}: {', '.join(backend.series)} on {', '.join(backend.devices)}")
    for reason in session.missing.values():
        console.print(f"not checked: {reason}", style="yellow")
    reports: list[Report] = []
    start, partial = time.perf_counter(), False
    try:
        for report in track(run_cells(session.cells, session.workers), len(session.cells), "cells"):
            reports.append(report)  # noqa: PERF402 (an interrupt keeps what is there)
    except KeyboardInterrupt:
        partial = True
    reports.sort(key=lambda report: session.cells.index(report.cell))
    if arguments.json:
        write_json(arguments.json, as_json(session.environment(), reports, partial))
    if arguments.junit:
        write(arguments.junit, as_junit(reports))
    if reports:
        console.print("cells by verdict, and the worst error as a fraction of its bound:")
        console.print(table(reports))
    for finding in findings(reports):
        console.print(finding, soft_wrap=True)
    console.print(closing(reports, time.perf_counter() - start))
    if partial:
        raise KeyboardInterrupt
    return _exit_code(summary(reports), arguments.strict)


def _exit_code(counts: dict[str, int], strict: bool) -> int:
    if counts["fail"] or counts["error"] or (strict and (counts["inconclusive"] or counts["skip"])):
        return 1
    if not counts["pass"]:
        raise InputError("no cell could be decided: see the reasons above, or try other --dtype, --device, --cells")
    return 0
