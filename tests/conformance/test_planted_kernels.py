"""Faults at other sizes, rates and layouts than the usual ones: each fails in the default set, and where it is."""

import pytest

from backproof.conformance.runner import run
from backproof.conformance.session import Session
from backproof.conformance.trajectories import TRAJECTORIES
from backproof.rounding.formats import FORMATS
from backproof.verdicts.judgement import Verdict


def failing(spec, keep):
    """The problems whose cells fail, of the default ones to `keep`."""
    session = Session.open([f"tests.support.planted_kernels:{spec}"], dtypes=["float64", "float32"])
    session.cells[:] = [cell for cell in session.cells if keep(cell.problem)]
    return {report.cell.problem for report in run(session.cells, session.workers) if report.verdict is Verdict.FAIL}


@pytest.mark.parametrize(
    ("spec", "regimes", "dtypes"),
    [
        ("rate_of_16th", TRAJECTORIES, {"float64", "float32"}),
        ("rate_of_15th", {"steps3-strided"}, {"float64", "float32"}),
        ("rate_of_24th", {"steps5"}, {"float64", "float32"}),
        ("rate_in_float32", TRAJECTORIES, {"float64"}),
        ("rate_in_float16", TRAJECTORIES, {"float64", "float32"}),
        ("three_steps", {"steps5"}, {"float64", "float32"}),
        ("five_steps", {"steps3-strided"}, {"float64", "float32"}),
        ("no_strides", {"steps3-strided"}, {"float64", "float32"}),
        ("blocks_of_7_examples", {"steps3-strided"}, {"float64", "float32"}),
    ],
)
def test_a_faulty_descent_fails_the_trajectories_of_every_model(spec, regimes, dtypes):
    failed = failing(spec, lambda problem: problem.regime in TRAJECTORIES)
    assert {problem.regime for problem in failed} == set(regimes)
    assert {problem.dtype for problem in failed} == dtypes
    assert len({problem.model for problem in failed}) == 4


@pytest.mark.parametrize(
    ("spec", "where"),
    [
        ("halves_beyond_512", lambda dims: dims["m"] > 512),
        ("examples_in_blocks_of_128", lambda dims: dims["m"] > 128),
        ("features_in_blocks_of_128", lambda dims: dims.get("n", 1) > 128),
        ("rows_in_blocks_of_24", lambda dims: dims.get("k", 1) > 24),
        ("rows_in_blocks_of_32", lambda dims: dims.get("k", 1) > 32),
    ],
)
def test_a_kernel_that_is_wrong_beyond_its_blocks_fails_there(spec, where):
    asked = []
    failed = failing(spec, lambda problem: problem.regime == "normal" and not asked.append(problem))
    assert failed == {problem for problem in asked if where(dict(problem.dims))}
    assert {problem.dtype for problem in failed} == {"float64", "float32"}


def test_gradients_that_are_off_at_middle_weights_fail_for_every_model():
    failed = failing("off_at_middle_weights", lambda problem: problem.regime in ("normal", "W1e2", "W1e4"))
    assert {problem.regime for problem in failed} == {"W1e2"}
    assert len({problem.model for problem in failed}) == 4


@pytest.mark.parametrize("trajectory", TRAJECTORIES.values())
@pytest.mark.parametrize(
    ("dtype", "narrower"), [("float64", "float32"), ("float32", "float16"), ("float32", "bfloat16")]
)
def test_a_rate_is_exact_in_its_own_dtype_and_in_no_narrower_one(trajectory, dtype, narrower):
    rate = trajectory.learning_rate(dtype)
    assert FORMATS[dtype].holds(rate)
    u = FORMATS[narrower].u
    assert u / 4 < abs(FORMATS[narrower].round(rate) / rate - 1) < u
