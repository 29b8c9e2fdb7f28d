"""TF32: where it was not asked for it fails and is named, where it was it is judged by its own bound."""

from collections import Counter

import numpy as np
import pytest

from backproof.conformance.cells import Problem, inputs
from backproof.conformance.decide import truth
from backproof.conformance.runner import run
from backproof.conformance.session import Session
from backproof.models import MODELS
from backproof.rounding.formats import PRODUCTS
from backproof.truth.certify import certify
from backproof.verdicts.judgement import Verdict

pytestmark = pytest.mark.gpu
MATRICES = ["multivariate", "two_layer_linear", "two_layer_nonlinear"]  # univariate has no product of matrices
NORMAL = Problem("two_layer_nonlinear", (("n", 3), ("m", 7), ("k", 5)), "normal", "float32")


def conform(spec, models=MATRICES, device="cuda", keep=lambda cell: True):
    session = Session.open([f"tests.support.planted_gpu:{spec}"], models, ["float32"], device)
    session.cells[:] = [cell for cell in session.cells if keep(cell)]
    assert session.cells
    return list(run(session.cells, session.workers))


def normal(cell):
    return cell.problem.regime == "normal" and dict(cell.problem.dims)["m"] > 1


@pytest.mark.parametrize("spec", ["TF32BySetting", "TF32ByFlag"])
def test_tf32_by_setting_fails_float32_and_is_named_with_the_setting(spec):
    reports = conform(spec, keep=normal)
    float32 = [report for report in reports if report.cell.series != "tf32"]
    assert {report.verdict for report in float32} == {Verdict.FAIL}
    named = (
        "about 11 significand bits: TF32 or float16, where 24 were asked for (in force: float32_matmul_precision high)"
    )
    assert sum(report.precision == named for report in float32) >= 0.9 * len(float32)
    assert {r.verdict for r in reports if r.cell.series == "tf32"} <= {Verdict.PASS, Verdict.INCONCLUSIVE}


def test_where_it_is_not_set_only_the_series_named_after_it_has_it():
    regimes = ("normal", "saturated", "residual1e-2", "y1e4", "nan", "doubled", "repeated", "steps5", "steps3-strided")

    def keep(cell):
        return cell.series in ("eager", "tf32") and cell.problem.regime in regimes

    reports = conform("OnTF32Units", [*MATRICES, "univariate"], keep=keep)
    assert {report.verdict for report in reports} <= {Verdict.PASS, Verdict.INCONCLUSIVE}
    assert {report.cell.matmul_precision for report in reports} == {None, "tf32"}
    cells = {(r.cell.series, r.cell.problem.model, normal(r.cell)): r for r in reports}
    fine, coarse = (cells[series, "two_layer_nonlinear", True].gradients["W1"] for series in ("eager", "tf32"))
    assert coarse.error > 50 * fine.error
    assert coarse.bound > 50 * fine.bound
    passed = Counter(report.verdict for report in reports if normal(report.cell))
    assert passed[Verdict.PASS] >= 0.8 * passed.total()


@pytest.mark.parametrize(("spec", "named"), [("Chopped", None), ("BFloat16AsTF32", "about 8 significand bits")])
def test_declared_products_are_judged_by_what_was_declared(spec, named):
    reports = conform(spec, device="cpu", keep=normal)
    failed = [report for report in reports if report.verdict is Verdict.FAIL]
    if named is None:
        assert failed == []
        return
    right = sum((report.precision or "").startswith(named) for report in failed)  # three bits fewer may hide, but
    assert right >= max(4, 0.7 * len(failed))  # what shows is named


def test_bounds_of_cut_factors_lie_between_float32_and_their_own_format():
    fine, cut = (truth(NORMAL, products=products).named for products in (None, "tf32"))
    half = truth(Problem(NORMAL.model, NORMAL.dims, "normal", "float16")).named
    for name in fine:
        assert (cut[name].likely > 20 * fine[name].likely).all()
        assert (cut[name].rigorous <= 4 * half[name].rigorous).all()
        assert (cut[name].likely <= cut[name].rigorous).all()


def test_without_products_of_matrices_nothing_changes():
    problem = Problem("univariate", (("m", 7),), "normal", "float32")
    fine, cut = (truth(problem, products=products).named for products in (None, "tf32"))
    assert all((cut[name].rigorous == fine[name].rigorous).all() for name in fine)


@pytest.mark.parametrize("name", MATRICES)
@pytest.mark.parametrize("cut", ["rounded", "chopped"])
def test_the_rigorous_bound_holds_for_factors_cut_either_way(name, cut):
    """Random shapes, in float64 but for the factors: what is left is the cut alone."""
    rng = np.random.default_rng(0)
    for _ in range(12):
        dims = tuple((letter, int(rng.integers(1, 12))) for letter in MODELS[name].letters)
        problem = Problem(name, dims, "normal", "float32", seed=int(rng.integers(1000)))
        expected = truth(problem, products="tf32").gradients
        for tensor, value in gradients(name, inputs(problem), cut).items():
            error = np.abs(value - np.array(expected[tensor].value, np.float64))
            assert (error <= expected[tensor].rigorous).all()


def gradients(name, arrays, cut):
    factor = PRODUCTS["tf32"].round if cut == "rounded" else PRODUCTS["tf32"].chop

    def product(a, b):
        return factor(a) @ factor(b)

    p = {key: np.asarray(a, np.float64) for key, a in arrays.items()}
    X, y = p["X"], p["y"]
    if name == "multivariate":
        d = 2 * (product(p["w"], X) + p["b"] - y) / y.size
        return {"w": product(d, X.T), "b": d.sum()}
    Z = product(p["W1"], X) + p["b1"]
    A = 1 / (1 + np.exp(-Z)) if name == "two_layer_nonlinear" else Z
    d = 2 * (product(p["w2"], A) + p["b2"] - y) / y.size
    dZ = product(p["w2"].T, d) * (A * (1 - A) if name == "two_layer_nonlinear" else 1)
    return {"W1": product(dZ, X.T), "b1": dZ.sum(1, keepdims=True), "w2": product(d, A.T), "b2": d.sum()}


def test_infinite_where_a_factor_may_round_to_infinity():
    arrays = {"X": np.array([[3.402e38]]), "y": np.array([[0.0]]), "w": np.array([[1e-30]]), "b": np.array(0.0)}
    arrays = {key: value.astype(np.float32) for key, value in arrays.items()}
    assert np.isfinite(certify(MODELS["multivariate"], arrays, "float32").output.rigorous).all()
    assert np.isinf(certify(MODELS["multivariate"], arrays, "float32", products="tf32").output.rigorous).all()
