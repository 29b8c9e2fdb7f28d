"""The equations: shapes, dtypes, textbook values, tiles; and the checks that stand before them."""

from dataclasses import FrozenInstanceError
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from backproof import MODELS, InputError, Model
from backproof.models import multivariate, sigmoid, two_layer_linear, two_layer_nonlinear, univariate
from backproof.models.primitives import with_sigmoid

FILES = [univariate, multivariate, two_layer_linear, two_layer_nonlinear]


def arrays(model, dtype="float64", n=3, m=7, k=5, seed=0):
    rng = np.random.default_rng(seed)
    return {
        name: rng.standard_normal(model.shape(name, {"n": n, "m": m, "k": k})).astype(dtype) for name in model.shapes
    }


def split(model, given):
    return {name: given[name] for name in model.params}, {name: given[name] for name in model.data}


@pytest.mark.parametrize("dtype", ["float64", "float32", "float16"])
@pytest.mark.parametrize("model", MODELS.values(), ids=lambda model: model.name)
def test_gradients_have_their_parameters_shape_and_dtype(model, dtype):
    params, data = split(model, arrays(model, dtype))
    loss, gradients = model.evaluate(params, data)
    assert (loss.shape, loss.dtype) == ((), dtype)
    assert list(gradients) == list(model.params)
    for name, gradient in gradients.items():
        assert (gradient.shape, gradient.dtype) == (params[name].shape, dtype)


def test_univariate_by_hand():
    x, y = np.array([[1.0, 2.0]]), np.array([[1.0, 5.0]])
    assert univariate.loss(np, x, y, 2.0, 0.5) == 1.25  # y_hat = 2.5, 4.5
    assert univariate.gradients(x, y, 2.0, 0.5) == {"w": 0.5, "b": 1.0}


def test_the_sigmoid_network_by_hand():
    """Z = log 3, 0; A = 3/4, 1/2; y_hat = 4, 3; residuals 1, -2."""
    half = np.log(3.0) / 2
    params = {"W1": np.array([[half]]), "b1": np.array([[half]]), "w2": np.array([[4.0]]), "b2": np.array(1.0)}
    data = {"X": np.array([[1.0, -1.0]]), "y": np.array([[3.0, 5.0]])}
    loss, gradients = MODELS["two_layer_nonlinear"].evaluate(params, data)
    assert loss == pytest.approx(2.5)
    # dy_hat = 1, -2; dZ = 4 dy_hat A (1 - A) = 3/4, -2
    assert {name: g.item() for name, g in gradients.items()} == pytest.approx(
        {"W1": 0.75 + 2, "b1": 0.75 - 2, "w2": 0.75 - 1, "b2": 1 - 2}
    )


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.__name__)
def test_gradients_of_tiles_sum_to_the_whole_with_m_an_argument(file):
    model = MODELS[file.__name__.rpartition(".")[2]]
    given_ = {name: np.array(value) for name, value in arrays(model, m=7).items()}
    whole = model.gradients(**given_)

    def tile(columns):
        data = {name: given_[name][:, columns] for name in model.data}
        forward = file.forward(**{k: v for k, v in ({**data, **split(model, given_)[0]}).items() if k != "y"})
        stored = dict(zip(["y_hat", "A" if "A" in file.backward.__code__.co_varnames else "Z"], forward, strict=False))
        stored = stored if isinstance(forward, tuple) else {"y_hat": forward}
        extra = {"w2": given_["w2"]} if "w2" in model.params else {}
        return file.backward(**data, **extra, **stored, m=7)

    tiles = [tile(slice(0, 3)), tile(slice(3, 3)), tile(slice(3, 7))]  # the middle one is an empty shard
    for name, gradient in whole.items():
        np.testing.assert_allclose(sum(t[name] for t in tiles), gradient, rtol=1e-13)


@pytest.mark.parametrize("name", ["univariate", "multivariate", "two_layer_linear"])
def test_the_equations_are_exact_in_rationals(name):
    model = MODELS[name]
    exact = {
        key: np.vectorize(lambda v: Fraction(int(v * 64), 64), otypes=[object])(value)
        for key, value in arrays(model).items()
    }
    exact = {key: value if value.ndim else value.item() for key, value in exact.items()}
    gradients = model.gradients(**exact)
    direction = {p: np.vectorize(lambda v: Fraction(1), otypes=[object])(exact[p]) for p in model.params}
    direction = {p: d if d.ndim else d.item() for p, d in direction.items()}
    slope = sum((gradients[p] * direction[p]).sum() if np.ndim(gradients[p]) else gradients[p] for p in model.params)

    def loss(t):
        moved = {p: exact[p] + t * direction[p] for p in model.params}
        residual = model.loss(_Rationals, **{**exact, **moved})
        assert isinstance(residual, Fraction)
        return residual

    # The loss is a polynomial of degree <= 4 in t: five points give its slope at 0 exactly.
    points = [loss(Fraction(t)) for t in (-2, -1, 1, 2)]
    assert slope == (points[0] - 8 * points[1] + 8 * points[2] - points[3]) / 12


class _Rationals:
    @staticmethod
    def mean(x):
        return x.sum() / Fraction(x.size)


@given(st.floats(allow_nan=False, allow_infinity=False, width=64))
def test_sigmoid_is_stable_and_symmetric(z):
    value = sigmoid(np.float64(z))
    assert 0 <= value <= 1
    assert value + sigmoid(np.float64(-z)) == pytest.approx(1, abs=4.5e-16)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_sigmoid_far_out(dtype):
    z = np.array([-1e300 if dtype == "float64" else -1e30, -1000, -30, 0, 30, 1000], dtype)
    value = sigmoid(z)  # warnings are errors
    assert value.dtype == dtype
    np.testing.assert_array_equal(value[[0, 1, 3, 5]], [0, 0, 0.5, 1])
    np.testing.assert_allclose(value[2], np.exp(-30.0) / (1 + np.exp(-30.0)), rtol=1e-6)


def test_a_namespace_keeps_its_sigmoid_unless_it_is_given_another():
    stable = with_sigmoid(np)
    assert stable.sigmoid(np.float64(-1000)) == 0  # warnings are errors
    assert stable.exp is np.exp
    assert with_sigmoid(stable) is stable
    assert with_sigmoid(stable, np.tanh).sigmoid is np.tanh


@pytest.mark.parametrize("model", MODELS.values(), ids=lambda model: model.name)
def test_the_derivation_runs_in_the_namespace_of_its_arrays(model):
    seen = []
    xp = with_sigmoid(np, lambda z: seen.append(z.shape) or sigmoid(z))
    given_ = arrays(model)
    gradients = model.gradients_in(xp, given_)
    assert seen == ([(5, 7)] if model.name == "two_layer_nonlinear" else [])
    for name, gradient in model.gradients(**given_).items():
        np.testing.assert_array_equal(gradients[name], gradient)


BAD = {
    "missing": (lambda a: a.pop("W1"), "parameter W1 is missing; it needs W1, b1, w2, b2"),
    "unknown": (lambda a: a.update(W3=a["W1"]), "there is no parameter W3; it takes W1, b1, w2, b2"),
    "rank": (lambda a: a.update(b1=a["b1"][:, 0]), r"b1 has shape \(5,\); it must be \(k, 1\)"),
    "more axes": (lambda a: a.update(b2=np.ones((1, 5))), r"b2 has shape \(1, 5\); it must be \(\)$"),
    "size": (lambda a: a.update(w2=a["w2"][:, :4]), r"w2 has shape \(1, 4\); it must be \(1, k\), and k = 5 by W1"),
    "fixed": (lambda a: a.update(b1=np.ones((5, 2))), r"b1 has shape \(5, 2\); it must be \(k, 1\), and its axis 1"),
    "integers": (lambda a: a.update(b2=np.array(1)), "b2 is int64; give it as one of float64, float32, float16"),
    "mixed": (lambda a: a.update(b2=np.float32(1)), "the arrays differ in dtype .*b2 float32"),
    "empty": (lambda a: a.update(X=np.ones((3, 0)), y=np.ones((1, 0))), r"X of shape \(3, 0\) is empty"),
    "examples": (lambda a: a.update(y=np.ones((1, 6))), r"y has shape \(1, 6\); it must be \(1, m\), and m = 7 by X"),
}


@pytest.mark.parametrize("case", BAD)
def test_wrong_arrays_are_one_clear_error(case):
    model = MODELS["two_layer_nonlinear"]
    given_ = arrays(model)
    spoil, message = BAD[case]
    spoil(given_)
    params = {name: value for name, value in given_.items() if name not in model.data}
    with pytest.raises(InputError, match=f"^two_layer_nonlinear: {message}") as caught:
        model.evaluate(params, {name: given_[name] for name in model.data})
    assert "\n" not in str(caught.value)


def test_a_shape_of_one_axis_is_written_as_python_writes_it():
    model = Model("dot", {"a": "m", "b": "m"}, ("a",), lambda xp, a, b: (a * b).sum(), dict)
    assert model.check({"a": np.ones(3)}, {"b": np.ones(3)}) == {"m": 3}
    with pytest.raises(InputError, match=r"^dot: b has shape \(1, 3\); it must be \(m,\)$"):
        model.check({"a": np.ones(3)}, {"b": np.ones((1, 3))})


def test_a_model_is_equal_to_itself_alone_and_does_not_change():
    """What is compiled for a model is kept with it as the key."""
    one, other = Model.from_module(univariate), Model.from_module(univariate)
    kept = {one: "compiled"}
    assert (kept.get(one), kept.get(other)) == ("compiled", None)
    with pytest.raises(FrozenInstanceError):
        one.params = ("w",)


def test_letters_are_ordered_and_shapes_read():
    model = MODELS["two_layer_linear"]
    assert model.letters == ("n", "m", "k")
    assert MODELS["univariate"].letters == ("m",)
    assert Model("any", {"A": "z n 2", "B": "k a m"}, ("A",), len, dict).letters == ("n", "m", "k", "a", "z")
    assert model.data == ("X", "y")
    assert model.shape("b1", {"n": 2, "m": 3, "k": 4}) == (4, 1)


def outputs(model, seed, **shared):
    """The model's output at small whole numbers, where every sum and product is exact."""
    rng = np.random.default_rng(seed)
    dims = {"n": 3, "m": 7, "k": 5}
    arrays = {name: rng.integers(-4, 5, model.shape(name, dims)).astype(float) for name in model.shapes} | shared
    tapped = {}
    model.loss(np, tap=tapped.setdefault, **arrays)
    return arrays, tapped["y_hat"]


def affine_in(model, names):
    """Whether y_hat(a + b - c) = y_hat(a) + y_hat(b) - y_hat(c) where only the arrays `names` differ."""
    fixed, _ = outputs(model, 0)
    shared = {name: array for name, array in fixed.items() if name not in names}
    (a, at_a), (b, at_b), (c, at_c) = (outputs(model, seed, **shared) for seed in (1, 2, 3))
    _, there = outputs(model, 0, **shared | {name: a[name] + b[name] - c[name] for name in names})
    return np.array_equal(there, at_a + at_b - at_c)


@pytest.mark.parametrize("model", MODELS.values(), ids=lambda model: model.name)
def test_the_facts_of_a_model_are_those_of_its_equations(model):
    assert affine_in(model, model.data) is model.is_linear
    assert affine_in(model, model.params) is model.is_regression
    assert model.is_network is ("k" in model.letters)
    assert model.has_one_feature is ("n" not in model.letters)


def test_titles_are_of_the_models_files():
    assert {name: model.title for name, model in MODELS.items()} == {
        "univariate": "Univariate regression",
        "multivariate": "Multivariate regression",
        "two_layer_linear": "Two-layer linear network",
        "two_layer_nonlinear": "Two-layer nonlinear network",
    }
    assert MODELS["multivariate"].summary == "y_hat = w X + b, loss = (1/m) ||y_hat - y||^2"
