"""What the regimes, relations and trajectories of the matrix are, and what they catch."""

import numpy as np
import pytest

from backproof import MODELS
from backproof.conformance.cells import (
    DEPARTURES,
    DISTINCT,
    Problem,
    inputs,
    problems,
)
from backproof.conformance.decide import truth
from backproof.conformance.regimes import REGIMES
from backproof.conformance.relations import RELATIONS
from backproof.conformance.runner import run
from backproof.conformance.session import Session
from backproof.conformance.trajectories import TRAJECTORIES
from backproof.hosting.layouts import LAYOUTS
from backproof.rounding.formats import FORMATS
from backproof.truth.certify import certify_descent
from backproof.verdicts.judgement import Verdict


def problem(model, regime, dtype="float64", **dims):
    shape = {**DISTINCT, **dims}
    return Problem(model, tuple((letter, shape[letter]) for letter in MODELS[model].letters), regime, dtype)


def conform(spec, regimes, **options):
    session = Session.open([f"tests.support.planted:{spec}"], **options)
    session.cells[:] = [cell for cell in session.cells if cell.problem.regime in regimes]
    return list(run(session.cells, session.workers))


def test_the_default_set_holds_every_regime_and_relation():
    held = {p.regime for p in problems(list(MODELS), [], "default", 0)}
    assert held == {"normal", *DEPARTURES} == {*REGIMES, *RELATIONS, *TRAJECTORIES}


def test_formats_leave_out_what_they_cannot_hold():
    held = {(p.dtype, p.regime) for p in problems(["multivariate"], ["float64", "float16"], "default", 0)}
    assert ("float64", "X1e30") in held
    assert ("float16", "X1e30") not in held
    assert ("float16", "X1e4") not in held


def test_saturated_units_reach_beyond_every_format():
    arrays = inputs(problem("two_layer_nonlinear", "saturated"))
    Z = arrays["W1"] @ arrays["X"] + arrays["b1"]
    assert Z.min() < -700
    assert Z.max() > 700
    quantity = truth(problem("two_layer_nonlinear", "saturated")).gradients["W1"]
    assert np.isfinite(quantity.rigorous).all()


@pytest.mark.parametrize("model", MODELS)
def test_residuals_are_as_small_as_named(model):
    for residual in (1e-2, 1e-6, 1e-12):
        exponent = f"{residual:.0e}".replace("e-0", "e-")
        loss = float(truth(problem(model, f"residual{exponent}")).loss.value.item())
        assert 0.05 * residual**2 < loss < 20 * residual**2


@pytest.mark.parametrize("dtype", FORMATS)
@pytest.mark.parametrize("model", MODELS)
def test_the_optimum_is_exact_in_every_format(model, dtype):
    expected = truth(problem(model, "optimum", dtype))
    assert all(ball.contains(0) and ball.rad() < 1e-30 for q in expected.gradients.values() for ball in q.value.flat)


def test_scales_and_subnormals_are_what_they_say():
    plain, scaled = (inputs(problem("multivariate", regime)) for regime in ("normal", "X1e30"))
    np.testing.assert_allclose(scaled["X"] / plain["X"], 1e30)
    np.testing.assert_array_equal(scaled["w"], plain["w"])
    tiny = inputs(problem("multivariate", "subnormal", "float32"))["X"]
    assert (np.abs(tiny[:, ::2]) < FORMATS["float32"].tiny).any()
    assert tiny[:, ::2].any()
    condition = np.linalg.cond(inputs(problem("multivariate", "ill-conditioned"))["X"])
    assert 1e3 < condition < 1e6


@pytest.mark.parametrize("regime", ["strided", "transposed", "reversed"])
def test_layouts_change_strides_and_no_value(regime):
    array = np.arange(21.0).reshape(3, 7)
    laid_out = LAYOUTS[regime](array)
    np.testing.assert_array_equal(laid_out, array)
    assert laid_out.strides != array.strides
    assert LAYOUTS[regime](np.array(1.0)).shape == ()


def test_a_nan_that_vanishes_fails():
    reports = conform("cleans", ["nan", "inf", "normal"], models=["multivariate"], dtypes=["float64"])
    for report in reports:
        bad = report.cell.problem.regime != "normal"
        assert report.verdict is (Verdict.FAIL if bad else Verdict.PASS)
        if bad:
            assert "vanished" in report.gradients["w"].reason
            assert report.gradients["w"].diagnosis.kind == "not-finite"


@pytest.mark.parametrize(
    ("relation", "told"),
    [("permuted-examples", True), ("microbatches", True), ("doubled", False), ("duplicated-batch", False)],
)
def test_relations_catch_what_breaks_them_without_a_truth(relation, told):
    """The last example weighs more: wrong where examples change places, right where all is scaled or repeated."""
    for report in conform("last_heavy", [relation], models=["multivariate"], dtypes=["float64"]):
        assert (report.gradients["w"].verdict is Verdict.FAIL) is told


def test_permuted_units_are_seen_where_units_are_confused():
    session = Session.open(["mutants"], models=["two_layer_linear"], dtypes=["float64"])
    session.cells[:] = [
        c for c in session.cells if c.series == "units-reversed" and c.problem.regime == "permuted-units"
    ]
    (report,) = run(session.cells, session.workers)
    assert report.gradients["W1"].verdict is Verdict.FAIL


def test_what_is_not_deterministic_is_reported_and_does_not_fail():
    reports = conform("wavers", ["repeated", "normal"], models=["two_layer_nonlinear"], dtypes=["float32"])
    verdicts = {report.cell.problem.regime: report for report in reports if dict(report.cell.problem.dims)["m"] == 7}
    assert verdicts["normal"].verdict is Verdict.PASS
    assert verdicts["repeated"].verdict is Verdict.INCONCLUSIVE
    assert "not deterministic" in verdicts["repeated"].reason


@pytest.mark.parametrize("regime", TRAJECTORIES)
@pytest.mark.parametrize("model", MODELS)
def test_a_trajectory_is_certified_step_by_step(model, regime):
    p, steps, rate = problem(model, regime), TRAJECTORIES[regime].steps, TRAJECTORIES[regime].learning_rate("float64")
    ends = certify_descent(MODELS[model], inputs(p), "float64", rate, steps)
    params = dict(inputs(p))
    for _ in range(steps):
        gradients = MODELS[model].gradients(**params)
        params |= {name: params[name] - rate * g for name, g in gradients.items()}
    for name, quantity in ends.items():
        error = np.abs(np.array(quantity.value, float) - params[name])
        assert (error <= quantity.likely + 1e-17).all()
        assert (quantity.likely < 1e-9).all()


def test_a_long_trajectory_is_inconclusive_once_the_bound_says_nothing():
    model = MODELS["two_layer_linear"]
    arrays = {name: np.asarray(a, "float16") for name, a in inputs(problem(model.name, "normal")).items()}
    short, long = (certify_descent(model, arrays, "float16", 2.0**-4, steps)["w2"].rigorous.max() for steps in (1, 12))
    assert short < 0.1
    assert long > 1
