"""A run's results for machines: the JSON and JUnit forms of a list of reports."""

import xml.etree.ElementTree as ET
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from backproof.conformance.decide import Report
from backproof.conformance.offers import NotOffered
from backproof.conformance.power import Fate
from backproof.core.errors import visible
from backproof.verdicts.judgement import Judgement, Verdict


def summary(reports: Sequence[Report]) -> dict[str, int]:
    """How many cells have each verdict, and how many of the failures and errors are known ones."""
    counts = Counter(report.verdict for report in reports)
    order = (Verdict.PASS, Verdict.FAIL, Verdict.INCONCLUSIVE, Verdict.SKIP, Verdict.ERROR)
    known = sum(report.known is not None for report in reports)
    return {verdict.value: counts[verdict] for verdict in order} | {"known_failures": known}


def as_json(
    environment: Mapping[str, Any],
    reports: Sequence[Report],
    partial: bool = False,
    mutants: Sequence[Fate] = (),
    not_offered: Sequence[NotOffered] = (),
    manifests: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """The run as plain values, in the documented form; of mutants, if there were any, how many were killed; `manifests`
    say what was read, for `--resume`."""
    survivors = [asdict(fate) for fate in mutants if not fate.killed]
    killed = {"killed": len(mutants) - len(survivors), "total": len(mutants), "survivors": survivors}
    return {
        "environment": environment,
        "summary": summary(reports),
        "cells": [_cell(report) for report in reports],
        "not_offered": [asdict(gap) for gap in not_offered],
        "partial": partial,
        **({"mutants": killed} if mutants else {}),
        **({"manifests": manifests} if manifests else {}),
    }


def _cell(report: Report) -> dict[str, Any]:
    cell, problem = report.cell, report.cell.problem
    return {
        "id": cell.id,
        "model": problem.model,
        "backend": cell.backend,
        "series": f"{cell.backend}:{cell.series}",
        "dtype": problem.dtype,
        "device": cell.device,
        "shape": {"n": None, "m": None, "k": None} | dict(problem.dims),
        "regime": problem.regime,
        "verdict": report.verdict.value,
        "seconds": report.seconds,
        "gradients": {name: _judgement(j) for name, j in report.gradients.items()},
        "loss": _judgement(report.loss),
        "output": _judgement(report.output),
        "parameters": {name: _judgement(j) for name, j in report.parameters.items()},
        "precision": report.precision,
        "reason": report.reason,
        "known": report.known,
    }


def _judgement(judgement: Judgement | None) -> dict[str, Any] | None:
    return asdict(judgement) if judgement else None


def as_junit(reports: Sequence[Report]) -> str:
    """The run as JUnit XML: INCONCLUSIVE and SKIP are skipped test cases with their reason, never passes."""
    counts = summary(reports)
    suite = ET.Element(
        "testsuite",
        name="backproof conform",
        tests=str(len(reports)),
        failures=str(_unknown(reports, Verdict.FAIL)),
        errors=str(_unknown(reports, Verdict.ERROR)),
        skipped=str(counts["skip"] + counts["inconclusive"] + counts["known_failures"]),
        time=f"{sum(report.seconds or 0 for report in reports):.3f}",
    )
    elements = {Verdict.FAIL: "failure", Verdict.ERROR: "error", Verdict.SKIP: "skipped"}
    for report in reports:
        cell = report.cell
        case = ET.SubElement(
            suite,
            "testcase",
            classname=visible(f"{cell.backend}.{cell.problem.model}"),
            name=visible(cell.id),
            time=f"{report.seconds or 0:.6f}",
        )
        reason = visible(report.reason or "")  # XML knows no control characters
        if report.known:
            ET.SubElement(case, "skipped", message=f"known failure, {visible(report.known)}: {reason}")
        elif report.verdict is Verdict.INCONCLUSIVE:
            ET.SubElement(case, "skipped", message=f"inconclusive: {reason}")
        elif report.verdict in elements:
            ET.SubElement(case, elements[report.verdict], message=reason)
    ET.indent(suite)
    return ET.tostring(suite, encoding="unicode", xml_declaration=True) + "\n"


def _unknown(reports: Sequence[Report], verdict: Verdict) -> int:
    return sum(report.verdict is verdict and report.known is None for report in reports)
