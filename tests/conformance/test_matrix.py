"""The cross-backend matrix: the cells of `backproof conform`, with its verdicts, one test each."""

import pytest

from backproof.conformance.decide import decide
from backproof.conformance.runner import ask, ask_probe
from backproof.results.table import describe
from backproof.verdicts.judgement import Verdict


def test_conforms(cell, session):
    if cell.skip:
        pytest.skip(cell.skip)
    worker = session.workers[cell.backend]
    report = decide(cell, ask(worker, cell), lambda probe: ask_probe(worker, probe))
    if report.verdict is Verdict.INCONCLUSIVE:
        pytest.skip(f"INCONCLUSIVE {report.reason}")
    told = [line for name, j in report.tensors.items() for line in (f"{name}: {j.verdict}", *describe(name, j))]
    assert report.verdict is Verdict.PASS, "\n".join([report.reason or "", *told])
