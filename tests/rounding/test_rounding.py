"""The bounds hold for correct arithmetic in any order, and no correct arithmetic is far below them in vain."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backproof import MODELS, Model
from backproof.rounding.formats import FORMATS
from backproof.rounding.growth import likely, rigorous
from backproof.truth.certify import certify

DTYPES = ["float64", "float32", "float16"]


def test_rigorous_is_the_product_of_all_roundings():
    assert rigorous(3, 0.1) == pytest.approx(1.1**3 - 1)
    assert rigorous(0, 0.1) == likely(0, 0.1) == 0
    assert rigorous(1e9, 2.0**-8) == math.inf


def test_likely_is_rigorous_for_few_roundings_and_grows_as_the_root_for_many():
    u = 2.0**-24
    assert likely(30, u) == rigorous(30, u)
    assert likely(40_000, u) / likely(10_000, u) == pytest.approx(2, rel=1e-3)
    assert likely(1_000_000, u) < rigorous(1_000_000, u) / 100


@pytest.mark.parametrize("dtype", DTYPES)
@given(value=st.floats(-6e4, 6e4))
def test_rounding_to_a_format_is_numpys(dtype, value):
    fmt = FORMATS[dtype]
    assert fmt.round(value) == float(np.float64(value).astype(dtype))
    assert fmt.holds(fmt.round(value))
    assert fmt.u == np.finfo(dtype).eps / 2
    assert fmt.tiny == np.finfo(dtype).tiny
    assert fmt.huge == np.finfo(dtype).max


def test_bfloat16_is_float32_with_eight_bits():
    fmt = FORMATS["bfloat16"]
    assert fmt.round(1 + 2.0**-8) == 1  # a tie, to even
    assert fmt.round(1 + 3 * 2.0**-9) == 1 + 2.0**-7
    assert not fmt.holds(257.0)
    assert fmt.holds(256.0)


def errors(quantity, computed):
    pairs = zip(quantity.value.flat, np.ravel(computed), strict=True)
    return np.array([float(abs(ball - float(c)).abs_upper()) for ball, c in pairs]).reshape(quantity.value.shape)


def summed(terms, order):
    """The sum of `terms`, each partial sum rounded to their dtype, in one of many orders."""
    if order == "running":
        total = terms.dtype.type(0)
        for term in terms:
            total = total + term
        return total
    if order == "backward":
        return summed(terms[::-1], "running")
    if order == "sorted":
        return summed(terms[np.argsort(np.abs(terms))], "running")
    if len(terms) == 1:
        return terms[0]
    half = len(terms) // 2
    return summed(terms[:half], order) + summed(terms[half:], order)


@pytest.mark.parametrize("dtype", DTYPES)
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_no_order_of_a_sum_of_products_exceeds_the_rigorous_bound(dtype, data):
    m = data.draw(st.integers(1, 60))
    scale = data.draw(st.sampled_from([1e-3, 1.0, 100.0]))
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32)))
    a, b = ((rng.standard_normal(m) * s).astype(dtype) for s in (scale, 1.0))
    model = Model("dot", {"a": "m", "b": "m"}, ("a", "b"), lambda xp, a, b, tap: tap("y_hat", xp.sum(a * b)), dict)
    quantity = certify(model, {"a": a, "b": b}, dtype).output
    order = data.draw(st.sampled_from(["running", "backward", "sorted", "pairwise"]))
    error = errors(quantity, summed(a * b, order))
    assert error <= quantity.rigorous
    assert quantity.likely <= quantity.rigorous


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", MODELS)
@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32), n=st.integers(1, 6), m=st.integers(1, 40), k=st.integers(1, 6))
def test_the_reference_stays_under_the_likely_bound(name, dtype, seed, n, m, k):
    model, rng = MODELS[name], np.random.default_rng(seed)
    arrays = {a: rng.standard_normal(model.shape(a, {"n": n, "m": m, "k": k})).astype(dtype) for a in model.shapes}
    truth = certify(model, arrays, dtype)
    for parameter, gradient in model.gradients(**arrays).items():
        quantity = truth.gradients[parameter]
        assert (errors(quantity, gradient) <= quantity.likely).all()
    assert errors(truth.loss, model.loss(np, **arrays)) <= truth.loss.likely


@pytest.mark.parametrize("name", MODELS)
def test_the_bound_is_no_more_than_a_few_hundred_times_a_typical_error(name):
    """A bound that says nothing would pass every test above."""
    model, rng = MODELS[name], np.random.default_rng(1)
    dims = {"n": 3, "m": 7, "k": 5}
    arrays = {a: rng.standard_normal(model.shape(a, dims)).astype("float32") for a in model.shapes}
    truth = certify(model, arrays, "float32")
    ratios = [errors(truth.gradients[p], g) / truth.gradients[p].likely for p, g in model.gradients(**arrays).items()]
    assert max(ratio.max() for ratio in ratios) > 1 / 300


def test_cancellation_near_the_optimum_is_in_the_bound():
    """Residual 1e-9 of y: float32 knows nothing of the gradient, float64 half its digits."""
    model = MODELS["multivariate"]
    rng = np.random.default_rng(2)
    arrays = {a: rng.standard_normal(model.shape(a, {"n": 3, "m": 7})) for a in model.shapes}
    arrays["y"] = (arrays["w"] @ arrays["X"] + arrays["b"]) * (1 + 1e-9)
    truth = certify(model, arrays, "float64").gradients["w"]
    sizes = np.array([[float(v.abs_lower()) for v in truth.value[0]]])
    assert 1e-8 < (2 * truth.likely / sizes).min() < 1e-4


def test_overflow_promises_nothing():
    model = MODELS["univariate"]
    arrays = {"x": np.full((1, 3), 1e30, "float32"), "y": np.ones((1, 3), "float32")}
    arrays |= {"w": np.float32(1), "b": np.float32(0)}
    truth = certify(model, arrays, "float32")
    assert truth.loss.likely == truth.loss.rigorous == np.inf
    assert np.isfinite(certify(model, {k: v.astype("float64") for k, v in arrays.items()}, "float64").loss.likely)


def test_flushed_subnormals_are_within_the_bound():
    model = MODELS["univariate"]
    tiny = np.float32(2.0**-126)
    arrays = {"x": np.array([[tiny / 4, 1]], "float32"), "y": np.zeros((1, 2), "float32")}
    arrays |= {"w": np.float32(tiny), "b": np.float32(0)}
    quantity = certify(model, arrays, "float32").gradients["b"]
    assert errors(quantity, np.float32(0)) <= quantity.rigorous


def linear(**arrays):
    return MODELS["two_layer_linear"], {name: np.asarray(value, "float32") for name, value in arrays.items()}


def test_underflow_is_covered_in_any_association():
    """X = 1e-30 times d underflows; multiplied by w2 = 1e12 first it does not. Both are right arithmetic."""
    model, arrays = linear(X=[[1e-30]], y=[[0.0]], W1=[[0.0]], b1=[[0.0]], w2=[[1e12]], b2=1e-17)
    truth = certify(model, arrays, "float32").gradients["W1"]
    d = np.float32(2e-17)
    late, early = np.float32(1e12) * (d * arrays["X"]), (np.float32(1e12) * d) * arrays["X"]
    assert late == 0
    assert early > 0
    for computed in (late, early):
        assert (errors(truth, computed) <= truth.rigorous).all()


def test_a_division_that_may_come_last_is_no_promise_against_overflow():
    model = MODELS["multivariate"]
    arrays = {"X": np.full((1, 64), 100.0), "y": np.full((1, 64), -100.0), "w": np.zeros((1, 1)), "b": np.array(0.0)}
    arrays = {name: value.astype("float16") for name, value in arrays.items()}
    with np.errstate(over="ignore"):
        assert np.isinf(2 * ((arrays["w"] @ arrays["X"] - arrays["y"]) @ arrays["X"].T))
    assert np.isinf(certify(model, arrays, "float16").gradients["w"].rigorous).all()


def test_the_root_of_what_may_be_negative_has_no_bound():
    model = Model("root", {"a": "", "b": ""}, ("a", "b"), lambda xp, a, b, tap: xp.sqrt(a * a - b), dict)
    arrays = {"a": np.float32(1 + 2.0**-12), "b": np.float32(1 + 2.0**-11)}  # a * a rounds to b: 2^-24 are left
    assert certify(model, arrays, "float32").loss.rigorous == np.inf
