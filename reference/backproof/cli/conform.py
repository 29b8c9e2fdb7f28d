"""`backproof conform`: the conformance matrix."""

import argparse
import shlex
import time
from collections.abc import Mapping
from typing import Any

from backproof.console.parser import Parser, add_command, natural
from backproof.core.errors import InputError
from backproof.core.files import Outputs, check_writable, json_text, write, write_json


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
    parser.add_argument(
        "--model", action="append", metavar="M|FILE.py", help="a model, or a derivation's file (default: all four)"
    )
    parser.add_argument(
        "--dtype", action="append", help="a dtype (default: float64 and float32; some cells in bfloat16 and float16)"
    )
    parser.add_argument("--device", default="cpu", metavar="cpu|cuda|all", help="where to run (default: cpu)")
    parser.add_argument(
        "--cells",
        default="default",
        metavar="quick|default|full",
        help="quick: one shape; default: every regime; full: more of all",
    )
    parser.add_argument("--seed", type=natural, default=0, help="the seed of the cells' data (default: 0)")
    parser.add_argument(
        "--time-limit",
        type=float,
        metavar="S",
        help="seconds that an evaluation of a cell may take, a compilation included (default: 120)",
    )
    parser.add_argument("--resume", metavar="FILE", help="take decided cells from a JSON result of an interrupted run")
    parser.add_argument(
        "--baseline", metavar="FILE", help="an earlier run's JSON result: tell what fails anew, and what else drifted"
    )
    parser.add_argument("--known-failures", metavar="FILE", help="cell ids (or patterns) and reasons, one a line")
    parser.add_argument("--strict", action="store_true", help="exit with 1 on INCONCLUSIVE and SKIP too")
    parser.add_argument(
        "--capabilities",
        metavar="FILE.md|FILE.json",
        help="write which backend passes which model in which dtype on which device, as a table to publish",
    )
    parser.add_argument("--junit", metavar="PATH", help="write the result as JUnit XML")
    parser.add_argument("--html", metavar="FILE", help="write the result as a page to look at (needs backproof[html])")
    parser.set_defaults(run=run, hint=" (what is to be run is named by --backend, --model, --dtype, --device)")


def run(arguments: argparse.Namespace) -> int:
    from backproof.conformance.decide import Report
    from backproof.conformance.power import fates, power_table
    from backproof.conformance.runner import CELL_SECONDS
    from backproof.conformance.runner import run as run_cells
    from backproof.conformance.session import Session
    from backproof.console.terminal import activity, results_console, track
    from backproof.hosting.registry import MUTANTS, sources
    from backproof.models.user_file import is_file
    from backproof.pages import render
    from backproof.results import drift, drift_text, known_failures, resume
    from backproof.results.encode import as_json, as_junit, summary
    from backproof.results.table import closing, findings, gaps, headings, table, times

    written = (arguments.json, arguments.junit, arguments.html, arguments.capabilities)
    files = [model for model in arguments.model or () if is_file(model)]
    modules = [file for spec in arguments.backend or () if spec != "all" for file in sources(spec)]
    check_writable(*written, reads=[arguments.baseline, arguments.known_failures, *files, *modules])
    check_writable(*written[1:], reads=[arguments.resume])  # --json takes it up
    if arguments.time_limit is not None and not 0 < arguments.time_limit < float("inf"):
        raise InputError(f"--time-limit is {arguments.time_limit}; it must be a positive number of seconds")
    if arguments.capabilities and not arguments.capabilities.endswith((".md", ".json")):
        raise InputError(f"--capabilities is {arguments.capabilities}; its name must end in .md or .json")
    if arguments.html is not None:
        render.needed(arguments.html)
    failures = [] if arguments.known_failures is None else known_failures.load(arguments.known_failures)
    baseline = None if arguments.baseline is None else drift.load(arguments.baseline, arguments.seed)
    earlier = None if arguments.resume is None else resume.read(arguments.resume)
    start = time.perf_counter()
    with activity("starting the backends, drawing the cells' data"):
        session = Session.open(
            arguments.backend or (),
            arguments.model or (),
            arguments.dtype or (),
            arguments.device,
            arguments.cells,
            arguments.seed,
        )
    console = results_console(arguments.json, arguments.junit, arguments.html)
    reports: list[Report] = []
    partial: KeyboardInterrupt | None = None
    try:
        check_writable(*written, reads=session.reads())
        if arguments.resume is not None:
            taken = resume.take(arguments.resume, earlier, session)
            reports += taken.reports
        for heading in headings(session):
            console.print(heading)
        if arguments.resume is not None:
            for line in taken.again:
                console.print(line, soft_wrap=True)
            console.print(f"{len(reports)} of {len(session.cells)} cells taken from {arguments.resume}")
        decided = {report.cell for report in reports}
        left = [cell for cell in session.cells if cell not in decided]
        for report in track(run_cells(left, session.workers, arguments.time_limit or CELL_SECONDS), len(left), "cells"):
            reports.append(report)
    except KeyboardInterrupt as end:
        partial = end
    finally:
        session.close()
    order = {cell: place for place, cell in enumerate(session.cells)}
    reports = sorted(
        (known_failures.mark(report, failures) for report in reports), key=lambda report: order[report.cell]
    )
    mutants = fates([report for report in reports if report.cell.backend == MUTANTS])
    judged = [report for report in reports if report.cell.backend != MUTANTS]
    result = as_json(
        session.environment(), reports, partial is not None, mutants, session.not_offered, session.manifests()
    )
    drifted = None if baseline is None else drift.compare(baseline, result, arguments.baseline)
    if drifted:
        result["drift"] = drifted.as_json()
    check_writable(*written, reads=session.reads())  # what was read in the cells, too
    outputs = Outputs()
    outputs.write(arguments.json, lambda: json_text(result))
    if arguments.html:
        from backproof.pages.report.page import page

        utc = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime())
        seconds = time.perf_counter() - start
        outputs.write(arguments.html, lambda: page(result, known_failures.surprises(judged, failures), seconds, utc))
    if arguments.capabilities:
        outputs.save(lambda: _publish(arguments, result))
    outputs.write(arguments.junit, lambda: as_junit(reports))
    if judged:
        console.print("cells by verdict, and the worst error as a fraction of its bound:")
        console.print(table(judged, session.not_offered))
    for line in [
        *gaps(session.not_offered),
        *findings(judged),
        *known_failures.surprises(judged, failures),
        *power_table(mutants),
        *times(judged),
        *(drift_text.lines(drifted) if drifted else ()),
    ]:
        console.print(line, soft_wrap=bool(getattr(line, "no_wrap", False)))  # an id is never broken
    console.print(closing(reports, time.perf_counter() - start))
    outputs.finish()
    if partial:
        if arguments.json:
            console.print(f"{len(reports)} of {len(session.cells)} cells; --resume {arguments.json} goes on from here")
        raise partial
    if any(not fate.killed or fate.errors for fate in mutants):
        return 1
    return _exit_code(summary(judged), arguments.strict) if judged else 0


def _publish(arguments: argparse.Namespace, result: Mapping[str, Any]) -> None:
    from backproof.results.capabilities import as_json, as_markdown

    asked = {option: getattr(arguments, option) for option in ("backend", "model", "dtype")}
    words = [
        "backproof",
        "conform",
        *(w for option, names in asked.items() for n in names or () for w in (f"--{option}", n)),
    ]
    defaults = {"device": "cpu", "cells": "default", "seed": 0}
    for option, default in defaults.items():
        value = getattr(arguments, option)
        words += [f"--{option}", str(value)] if value != default else []
    command = shlex.join([*words, "--capabilities", arguments.capabilities])
    if arguments.capabilities.endswith(".md"):
        write(arguments.capabilities, as_markdown(result, command))
    else:
        write_json(arguments.capabilities, as_json(result, command))


def _exit_code(counts: dict[str, int], strict: bool) -> int:
    bad = counts["fail"] + counts["error"] - counts["known_failures"]
    if bad or (strict and (counts["inconclusive"] or counts["skip"])):
        return 1
    if not counts["pass"] and not counts["known_failures"]:
        raise InputError("no cell could be decided: see the reasons above, or try other --dtype, --device, --cells")
    return 0
