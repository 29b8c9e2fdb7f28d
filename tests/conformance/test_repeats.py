"""Further calls on the same arrays: a wrong answer fails, whichever call it is of; in every cell, quick ones too."""

import pytest
from tests.support.planted_repeats import SPOILT

from backproof.conformance.runner import run
from backproof.conformance.session import Session
from backproof.verdicts.judgement import Verdict


def conform(spec, cells="quick", keep=lambda cell: True, **options):
    session = Session.open([f"tests.support.planted_repeats:{spec}"], cells=cells, **options)
    session.cells[:] = [cell for cell in session.cells if keep(cell)]
    assert session.cells
    return list(run(session.cells, session.workers))


def test_a_wrong_further_call_fails_the_quick_cells():
    reports = conform("Repeats", dtypes=["float32"], models=["multivariate", "two_layer_nonlinear"])
    for report in reports:
        what, call = report.cell.series.split("-")
        named = {"2": "second", "3": "third", "4": "fourth"}[call]
        said = report.reason or ""
        if what == "bits":
            assert report.verdict is Verdict.PASS
        elif what == "raises":
            assert report.verdict is Verdict.ERROR
            assert said.startswith(f"the {named} call on the same arrays: RuntimeError: buffer was freed")
        else:
            assert report.verdict is Verdict.FAIL
            assert f"the {named} call on the same arrays is wrong: " in said
    assert {report.cell.series.split("-")[0] for report in reports} == set(SPOILT)


def test_a_wrong_second_call_fails_in_every_regime():
    """But where the truth is not finite or zero, or rounding hides a factor; the backend counts the calls of the cell
    before to those of a cell of the same values, and a descent calls no step twice."""
    silent = {"nan", "inf", "inf-target", "optimum", "residual1e-12", "transposed", "reversed", "strided"}
    reports = conform("Repeats", "default", lambda cell: cell.series == "doubled-2", dtypes=["float64"])
    missed = {r.cell.problem.regime for r in reports if r.verdict is not Verdict.FAIL}
    assert missed <= silent | {"steps5", "steps3-strided"}
    repeated = {r.verdict for r in reports if r.cell.problem.regime == "repeated"}
    assert repeated == {Verdict.FAIL}


def test_other_bits_within_the_bounds_are_reported_by_the_repeated_cells_alone():
    reports = conform("Repeats", "default", lambda cell: cell.series.startswith("bits"), dtypes=["float64"])
    said = {r.cell.problem.regime for r in reports if r.reason and "not deterministic" in r.reason}
    assert said == {"repeated"}
    assert Verdict.FAIL not in {r.verdict for r in reports if r.cell.problem.regime in ("normal", "repeated")}


def test_what_a_backend_keeps_by_an_array_shows():
    reports = conform("Accumulates")
    assert {report.verdict for report in reports} == {Verdict.FAIL}
    assert all("the second call on the same arrays is wrong" in report.reason for report in reports)


def test_a_failure_by_chance_says_that_it_is_not_repeated():
    reports = conform("Flaky", "default", lambda cell: cell.problem.regime == "normal", models=["multivariate"])
    failed = [report for report in reports if report.verdict is Verdict.FAIL]
    assert len(failed) >= len(reports) / 3
    assert all("call on the same arrays" in report.reason for report in failed)
    at_first = [
        r.reason for r in failed if "answers differently: it is within its bounds, with an error of" in r.reason
    ]
    assert at_first


def test_descents_are_called_twice_too():
    reports = conform(
        "StatefulDescent", "default", lambda cell: cell.problem.regime.startswith("steps"), models=["multivariate"]
    )
    assert {report.verdict for report in reports} == {Verdict.FAIL}
    assert all("the second call on the same arrays is wrong" in report.reason for report in reports)


@pytest.mark.parametrize("cells", ["quick", "default"])
def test_right_series_pass(cells):
    session = Session.open(["numpy"], ["multivariate"], cells=cells)
    reports = list(run(session.cells, session.workers))
    assert {report.verdict for report in reports} <= {Verdict.PASS, Verdict.INCONCLUSIVE}
    assert not any("call" in (report.reason or "") for report in reports)
