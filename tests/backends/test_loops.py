"""The hot loops: tiles of every width, threads, and the moments' own bound."""

import numpy as np
import pytest

from backproof import MODELS
from backproof.conformance.cells import Problem, affordable, inputs
from backproof.conformance.decide import truth
from backproof.models.algorithms import ALGORITHMS, Algorithm, collect, from_moments
from backproof.truth.certify import certify
from backproof.truth.confirm import Disagreement
from backproof.verdicts.judgement import Verdict, judge
from backproof_numpy import NumpyLoops


def problem(name, dtype="float64", regime="normal"):
    dims = tuple((letter, {"n": 3, "m": 29, "k": 5}[letter]) for letter in MODELS[name].letters)
    return Problem(name, dims, regime, dtype)


def verdicts(gradients, asked, form=None):
    expected = truth(asked, form).gradients
    return {n: judge(np.asarray(g), g.dtype.name, expected[n], asked.dtype).verdict for n, g in gradients.items()}


@pytest.mark.parametrize("series", ["numpy:tiled", "numba:fused"])
@pytest.mark.parametrize(("tile", "threads"), [(1, 1), (3, 2), (4, 3), (29, 2), (64, 2), (2, 40), (None, 1)])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("name", MODELS)
def test_tiles_of_every_width_sum_to_the_gradient(name, dtype, tile, threads, series):
    asked, model = problem(name, dtype), MODELS[name]
    arrays = inputs(asked)
    params, data = {n: arrays[n] for n in model.params}, {n: arrays[n] for n in model.data}
    backend = tiling(series, tile, threads)
    _, _, gradients = backend.evaluate(model, series.partition(":")[2], params, data)
    assert set(verdicts(gradients, asked).values()) == {Verdict.PASS}
    _, _, again = backend.evaluate(model, series.partition(":")[2], params, data)
    assert all((again[n] == g).all() for n, g in gradients.items())


def tiling(series, tile, threads):
    if series == "numpy:tiled":
        return NumpyLoops(tile, threads)
    return pytest.importorskip("backproof_numba").NumbaBackend(tile, threads)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("name", MODELS)
def test_steps_in_one_call_are_the_steps_of_tiles(name, dtype):
    """Numba's small sizes take another path than its large ones: both descend to the same place."""
    asked, model = problem(name, dtype), MODELS[name]
    arrays = inputs(asked)
    params, data = {n: arrays[n] for n in model.params}, {n: arrays[n] for n in model.data}
    before = {n: p.copy() for n, p in params.items()}
    whole = tiling("numba:fused", None, 1).descend(model, "fused", params, data, 0.01, 3)
    tiled = tiling("numba:fused", 8, 2).descend(model, "fused", params, data, 0.01, 3)
    for n, p in params.items():
        assert (p == before[n]).all()
        assert whole[n].dtype == tiled[n].dtype == dtype
        assert whole[n].shape == tiled[n].shape == p.shape
        assert np.allclose(whole[n], tiled[n], rtol=0, atol=40 * np.finfo(dtype).eps * np.abs(p).max())
        assert not np.allclose(whole[n], p, rtol=0, atol=1e-4)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_the_exponential_is_accurate_and_keeps_what_is_not_finite(dtype):
    """Within 2.5 u, which leaves the sigmoid below its ULPS; overflow is cut, NaN is kept."""
    exp = pytest.importorskip("backproof_numba.kernels").exponential(dtype)
    highest, u = (88, 2.0**-24) if dtype == "float32" else (709, 2.0**-53)
    x = np.random.default_rng(0).uniform(1 - highest, highest, 20_000).astype(dtype)
    true = np.exp(x.astype(np.longdouble))
    found = np.array([exp(value) for value in x], np.longdouble)
    assert float(np.max(np.abs(found - true) / true)) < 2.5 * u
    real = np.dtype(dtype).type
    assert exp(real(0)) == 1
    assert np.isnan(exp(real("nan")))
    assert exp(real("inf")) == exp(real(highest))
    assert 0 < exp(real("-inf")) <= 2 * np.finfo(dtype).tiny


@pytest.mark.parametrize("name", ALGORITHMS["moments"].models)
def test_moments_are_judged_by_their_own_bound(name):
    """Near an optimum they are within their own bound, which is wider than the ordinary form's."""
    asked, model = problem(name, regime="residual1e-6"), MODELS[name]
    arrays = inputs(asked)
    params, data = {n: arrays[n] for n in model.params}, {n: arrays[n] for n in model.data}
    _, _, gradients = NumpyLoops().evaluate(model, "moments", params, data)
    own, ordinary = truth(asked, "moments"), truth(asked)
    for n, gradient in gradients.items():
        assert judge(np.asarray(gradient), "float64", own.gradients[n], "float64").verdict is not Verdict.FAIL
        assert (own.gradients[n].likely > 2 * ordinary.gradients[n].likely).any()
    factor = {n: gradient * 1.01 for n, gradient in gradients.items()}
    assert Verdict.FAIL in verdicts(factor, asked, "moments").values()


def test_an_algorithm_with_another_value_is_exposed(monkeypatch):
    def doubled(model, moments, params):
        loss, gradients = from_moments(model, moments, params)
        return loss, {n: 2 * g for n, g in gradients.items()}

    monkeypatch.setitem(ALGORITHMS, "moments", Algorithm(("univariate",), collect, doubled))
    asked = problem("univariate")
    with pytest.raises(Disagreement, match="other algorithm"):
        certify(MODELS["univariate"], inputs(asked), "float64", "moments")


def test_series_that_are_slow_to_compile_run_in_few_cells():
    asked = Problem("univariate", (("m", 7),), "normal", "float32")
    assert [affordable(asked, cells) for cells in ("quick", "default", "full")] == [False, True, True]
    other = Problem("univariate", (("m", 64),), "normal", "float32")
    assert [affordable(other, cells) for cells in ("quick", "default", "full")] == [False, False, True]
