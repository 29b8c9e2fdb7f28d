"""A run's results for machines: the JSON and JUnit forms of a list of reports."""

import xml.etree.ElementTree as ET
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from backproof.conformance.decide import Report
from backproof.conformance.verdict import Judgement, Verdict


def summary(reports: Sequence[Report]) -> dict[str, int]:
    """How many cells have each verdict."""
    counts = Counter(report.verdict for report in reports)
    order = (Verdict.PASS, Verdict.FAIL, Verdict.INCONCLUSIVE, Verdict.SKIP, Verdict.ERROR)
    return {verdict.value: counts[verdict] for verdict in order}


def as_json(environment: Mapping[str, Any], reports: Sequence[Report], partial: bool = False) -> dict[str, Any]:
    """The run as plain values, in the documented form."""
    return {
        "environment": environment,
        "summary": summary(reports),
        "cells": [_cell(report) for report in reports],
        "partial": partial,
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
        failures=str(counts["fail"]),
        errors=str(counts["error"]),
        skipped=str(counts["skip"] + counts["inconclusive"]),
        time=f"{sum(report.seconds or 0 for report in reports):.3f}",
    )
    elements = {Verdict.FAIL: "failure", Verdict.ERROR: "error", Verdict.SKIP: "skipped"}
    for report in reports:
        cell = report.cell
        case = ET.SubElement(
            suite,
            "testcase",
            classname=f"{cell.backend}.{cell.problem.model}",
            name=cell.id,
            time=f"{report.seconds or 0:.6f}",
        )
        reason = "".join(c if c.isprintable() else " " for c in report.reason or "")  # XML knows no control characters
        if report.verdict is Verdict.INCONCLUSIVE:
            ET.SubElement(case, "skipped", message=f"inconclusive: {reason}")
        elif report.verdict in elements:
            ET.SubElement(case, elements[report.verdict], message=reason)
    ET.indent(suite)
    return ET.tostring(suite, encoding="unicode", xml_declaration=True) + "\n"
