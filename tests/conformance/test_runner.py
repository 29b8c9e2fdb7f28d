"""Sessions, cells and reports: what is planned, what is refused, what is written."""

import numpy as np
import pytest

from backproof import MODELS, Series
from backproof.conformance.cells import SETS, Cell, Problem, inputs, plan, problems
from backproof.conformance.decide import Report, decide
from backproof.conformance.session import Session
from backproof.hosting.evaluation import Failure
from backproof.hosting.registry import Description
from backproof.results.encode import as_json, as_junit
from backproof.rounding.formats import FORMATS
from backproof.verdicts.judgement import Verdict

PROBLEM = Problem("multivariate", (("n", 3), ("m", 7)), "normal", "float32")
CELL = Cell(PROBLEM, "numpy", "reference", "cpu")
DESCRIBED = Description("s", "s", "1", ("cpu",), ("float32", "bfloat16"), (Series("a"), Series("b")), {})


def test_ids_are_unique_and_as_documented():
    assert CELL.id == "multivariate-numpy:reference-float32-cpu-n3m7-normal"
    session = Session.open(["numpy"], cells="full")
    for worker in session.workers.values():
        worker.close()
    ids = [cell.id for cell in session.cells]
    assert len(set(ids)) == len(ids)
    assert "two_layer_nonlinear-numpy:reference-float32-cpu-n3m7k5-normal" in ids


def test_default_shapes_hide_no_fault():
    """Pairwise distinct dimensions above 1 lead every set; the degenerate ones are extra."""
    for blocks in SETS.values():
        sizes = list(blocks[0].shapes[0].values())
        assert len(set(sizes)) == 3
        assert min(sizes) > 1


def test_a_plan_holds_every_series_and_only_the_dtypes_offered():
    cells = plan(problems(list(MODELS), ["float64", "bfloat16"], "quick", 0), [DESCRIBED], ["cpu", "cuda"])
    assert len(cells) == 4 * 2 * 2
    assert {cell.problem.dtype for cell in cells} == {"bfloat16"}
    assert {cell.device for cell in cells if cell.skip} == {"cuda"}


@pytest.mark.parametrize("dtype", FORMATS)
def test_samples_are_numbers_of_their_dtype_and_the_same_each_time(dtype):
    problem = Problem("two_layer_nonlinear", (("n", 3), ("m", 7), ("k", 5)), "normal", dtype)
    first, second = inputs(problem), inputs(problem)
    for name, values in first.items():
        assert FORMATS[dtype].holds(values.astype(np.float64)).all()
        np.testing.assert_array_equal(values, second[name])
    other = inputs(Problem(problem.model, problem.dims, "normal", dtype, seed=1))
    assert (other["X"] != first["X"]).any()


def test_a_failure_is_an_error_with_its_reason():
    report = decide(CELL, [Failure("its process died")])
    assert (report.verdict, report.reason) == (Verdict.ERROR, "its process died")


def test_results_count_every_verdict_apart():
    reports = [Report(CELL, verdict, f"because \x00 <{verdict}>") for verdict in Verdict]
    result = as_json({}, reports, partial=True)
    counts = dict.fromkeys(["pass", "fail", "inconclusive", "skip", "error"], 1)
    assert result["summary"] == counts | {"known_failures": 0}
    assert result["partial"] is True
    junit = as_junit(reports)
    for kind in ("<failure", "<error"):
        assert junit.count(kind) == 1
    assert junit.count("<skipped") == 2  # SKIP, and INCONCLUSIVE: never a pass
    assert "\x00" not in junit
    assert 'tests="5" failures="1" errors="1" skipped="2"' in junit
