"""A planted error turns the cells it touches to FAIL, in every backend; the cells beside it still pass."""

from collections import Counter

import pytest

from backproof.conformance.runner import run
from backproof.conformance.session import Session
from backproof.verdicts.judgement import Verdict

NONLINEAR = "two_layer_nonlinear"


def conform(*specs, seconds=60, **options):
    session = Session.open([f"tests.support.planted:{spec}" for spec in specs], **options)
    session.cells[:] = [
        cell
        for cell in session.cells
        if cell.problem.regime == "normal" and cell.problem.dtype in ("float64", "float32")
    ]
    return {report.cell: report for report in run(session.cells, session.workers, seconds)}


def verdicts(reports):
    return {report.verdict for report in reports}


@pytest.mark.parametrize("framework", ["numpy", "torch", "jax"])
def test_a_dropped_2_fails_everywhere(framework):
    reports = conform(f"{framework}_drop_two")
    assert verdicts(reports.values()) == {Verdict.FAIL}
    for report in reports.values():
        assert verdicts(report.gradients.values()) == {Verdict.FAIL}
        assert verdicts([report.loss, report.output]) == {Verdict.PASS}


@pytest.mark.parametrize("framework", ["numpy", "torch", "jax"])
def test_a_dropped_1_minus_A_fails_dW1_and_db1_of_the_sigmoid_network(framework):
    for cell, report in conform(f"{framework}_drop_one_minus_A").items():
        if cell.problem.model != NONLINEAR:
            assert report.verdict is Verdict.PASS
            continue
        failed = {name for name, judgement in report.gradients.items() if judgement.verdict is Verdict.FAIL}
        assert failed == {"W1", "b1"}


def test_what_changes_its_arguments_is_an_error_that_names_them():
    session = Session.open(
        ["tests.support.planted:overwrites"], models=["univariate", "multivariate"], dtypes=["float64"]
    )
    told = Counter()
    for report in run(session.cells, session.workers, 60):
        steps = report.cell.problem.regime.startswith("steps")
        name = ("w" if steps else "X") if report.cell.problem.model == "multivariate" else ("w" if steps else None)
        assert (report.verdict is Verdict.ERROR) is (name is not None)
        told[name] += 1
        assert name is None or f"it changes its argument {name}, which is to stay as it is" in report.reason
    assert set(told) == {"w", "X", None}


@pytest.mark.parametrize("framework", ["torch", "jax"])
def test_a_transposed_X_fails_the_square_cells(framework):
    reports = conform(f"{framework}_transposed_X", models=["multivariate", NONLINEAR])
    for cell, report in reports.items():
        dims = dict(cell.problem.dims)
        square = dims["n"] == dims["m"] > 1
        assert report.verdict is (Verdict.FAIL if square else Verdict.PASS)


def test_transposed_gradients_fail_by_shape_or_in_square_cells_by_value():
    for cell, report in conform("numpy_transposed", models=["two_layer_linear"]).items():
        judged = report.gradients["W1"]
        dims = dict(cell.problem.dims)
        if dims["n"] == dims["k"] == 1:
            continue
        assert judged.verdict is Verdict.FAIL
        assert (judged.diagnosis.kind if judged.diagnosis else "value") == (
            "value" if dims["n"] == dims["k"] else "shape"
        )


def test_one_gradient_off_by_a_thousandth_fails_where_the_cell_resolves_it():
    reports = conform("numpy_stale_bias")
    for report in reports.values():
        biases = [judgement for name, judgement in report.gradients.items() if name in ("b", "b1")]
        assert all(j.verdict is Verdict.FAIL for j in biases if j.resolution < 1e-3)
    assert Counter(report.verdict for report in reports.values())[Verdict.FAIL] > 0.9 * len(reports)


@pytest.mark.parametrize(
    ("spec", "kind"), [("numpy_forgets_b", "key"), ("numpy_upcasts", "dtype"), ("numpy_not_a_number", "not-finite")]
)
def test_form_is_judged_before_value(spec, kind):
    for report in conform(spec, dtypes=["float32"], cells="quick").values():
        kinds = {j.diagnosis.kind for j in report.gradients.values() if j.diagnosis}
        assert report.verdict is Verdict.FAIL
        assert kinds == {kind}


def test_what_is_not_answered_fails():
    for report in conform("silent", cells="quick").values():
        assert (report.verdict, report.reason) == (Verdict.FAIL, "no loss, no output")


def test_a_crash_or_an_exception_costs_its_own_cells_only():
    for cell, report in conform("crashes", cells="quick").items():
        expected = {"multivariate": "killed by SIGSEGV", "two_layer_linear": "RuntimeError: no such luck"}
        if cell.problem.model in expected:
            assert report.verdict is Verdict.ERROR
            assert expected[cell.problem.model] in report.reason
        else:
            assert report.verdict is Verdict.PASS


@pytest.mark.parametrize(
    ("spec", "reason"),
    [
        ("Exits", "SystemExit: 3"),
        ("Mumbles", "to_numpy gives list for w, no real numbers"),
    ],
)
def test_a_malformed_answer_costs_its_own_cells_only(spec, reason):
    for report in conform(spec, cells="quick", models=["univariate"]).values():
        assert report.verdict is Verdict.ERROR
        assert reason in report.reason


def test_no_object_of_a_backend_arrives_here():
    """A dtype's name that would be another thing where it is unpickled, or turned into text: it is plain text here."""
    for report in conform("Garbles", cells="quick", models=["univariate"]).values():
        assert report.verdict is Verdict.PASS


def test_a_series_that_times_out_again_and_again_is_given_up():
    reports = conform("NeverAnswers", cells="default", models=["multivariate"], dtypes=["float64"], seconds=0.5)
    reasons = Counter(report.reason.partition(":")[0] for report in reports.values())
    assert {report.verdict for report in reports.values()} == {Verdict.ERROR}
    assert reasons.keys() == {"no answer within 0.5 s", "not run"}
    assert reasons["no answer within 0.5 s"] == 3


def test_an_answer_that_stops_half_way_is_out_of_time():
    for report in conform("StopsHalfWay", cells="quick", models=["univariate"], dtypes=["float64"], seconds=2).values():
        assert (report.verdict, report.reason) == (Verdict.ERROR, "no answer within 2 s")


def test_a_hang_costs_its_own_cells_only():
    for cell, report in conform("hangs", cells="quick", dtypes=["float64"], seconds=2).items():
        hung = cell.problem.model == "multivariate"
        assert report.verdict is (Verdict.ERROR if hung else Verdict.PASS)
        assert not hung or "no answer within 2 s" in report.reason
