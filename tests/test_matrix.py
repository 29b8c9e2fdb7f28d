"""The cross-backend matrix: the cells of `backproof conform`, with its verdicts, one test each."""

import pytest

from backproof.conformance.decide import decide
from backproof.conformance.runner import ask
from backproof.results.table import describe
from backproof.verdicts.judgement import Verdict


def test_conforms(cell, session):
    if cell.skip:
        pytest.skip(cell.skip)
    report = decide(cell, ask(session.workers[cell.backend], cell))
    if report.verdict is Verdict.INCONCLUSIVE:
        pytest.skip(f"INCONCLUSIVE {report.reason}")
    told = [line for name, j in report.tensors.items() for line in (f"{name}: {j.verdict}", *describe(name, j))]
    assert report.verdict is Verdict.PASS, "\n".join([report.reason or "", *told])
