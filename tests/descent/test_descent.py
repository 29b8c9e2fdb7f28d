"""Descent on data: the optimum it must reach, the backends that must agree, the data it takes."""

import json
from functools import cache

import numpy as np
import pytest

from backproof import MODELS, InputError
from backproof.cli import main
from backproof.descent import least_squares
from backproof.descent.accuracy import parameter_bound
from backproof.descent.data import load
from backproof.descent.descent import descend
from backproof.descent.parameters import draw, hessian, largest_curvature, pack, unpack
from backproof.descent.problem import good_rate, largest_stable_rate
from backproof.descent.random_search import random_search
from backproof.hosting.worker import Worker

DIABETES = load("diabetes").standardised()


@cache
def started(name):
    """A backend's worker and what it says of itself, started once."""
    worker = Worker(name)
    return worker, worker.start()


def data_of(model):
    return DIABETES.only("bmi") if model.name == "univariate" else DIABETES


@pytest.mark.parametrize("name", MODELS)
def test_backends_arrive_at_the_same_parameters_within_the_stated_bound(name):
    model = MODELS[name]
    descents = [descend(*started(b), model, data_of(model), 1500) for b in ("numpy", "torch", "jax")]
    ends = [pack(model, descent.end.params) for descent in descents]
    bound = parameter_bound(descents[0])
    assert 0 < bound < 1e-7  # a bound that says something
    assert np.linalg.norm(ends[1] - ends[0]) <= 2 * bound
    assert np.linalg.norm(ends[2] - ends[0]) <= 2 * bound


@pytest.mark.parametrize("name", ["univariate", "multivariate"])
def test_the_bound_holds_against_longer_arithmetic(name):
    model, data = MODELS[name], data_of(MODELS[name])
    descent = descend(*started("numpy"), model, data, 300)
    params = {key: np.asarray(value, np.longdouble) for key, value in descent.path[0].params.items()}
    arrays = {key: np.asarray(value, np.longdouble) for key, value in descent.data.items()}
    for _ in range(300):
        gradients = model.gradients(**params, **arrays)
        params = {key: p - np.longdouble(descent.learning_rate) * gradients[key] for key, p in params.items()}
    error = np.linalg.norm((pack(model, params) - pack(model, descent.end.params)).astype(float))
    assert 0 < error <= parameter_bound(descent)


@pytest.mark.parametrize(
    ("name", "r2"), [("univariate", 0.3439), ("multivariate", 0.5177), ("two_layer_linear", 0.5177)]
)
def test_descent_reaches_the_least_squares_r2(name, r2):
    model = MODELS[name]
    end = descend(*started("numpy"), model, data_of(model), 5000).end
    _, _, optimum = least_squares.fit(data_of(model).X, DIABETES.y)
    assert end.loss >= optimum - 1e-12
    assert 1 - end.loss == pytest.approx(r2, abs=5e-5)
    assert 1 - optimum == pytest.approx(r2, abs=5e-5)


def test_descent_beats_random_search_with_the_same_evaluations():
    model = MODELS["multivariate"]
    descent = descend(*started("numpy"), model, DIABETES, 2000)
    sought = random_search(model, {"n": 10, "m": 442}, descent.data, 2000, seed=0)
    assert descent.end.loss < sought < descent.path[0].loss


def test_the_largest_stable_rate_is_where_descent_turns():
    model = MODELS["multivariate"]
    stable = largest_stable_rate(model, DIABETES)
    start = descend(*started("numpy"), model, DIABETES, 3000, 0.999 * stable)
    assert start.end.loss < 0.49
    with pytest.raises(InputError, match=r"diverges .* it must be below 2/lambda_max = 0.2485"):
        descend(*started("numpy"), model, DIABETES, 30000, 1.001 * stable)
    assert largest_stable_rate(MODELS["two_layer_linear"], DIABETES) is None
    assert good_rate(model, DIABETES, {}) == stable / 2


def test_curvatures_agree_with_the_models_own_hessian():
    model, rng = MODELS["multivariate"], np.random.default_rng(0)
    params = draw(model, {"n": 10, "m": 442}, rng)
    data = {"X": DIABETES.X, "y": DIABETES.y}
    np.testing.assert_allclose(
        np.linalg.eigvalsh(hessian(model, params, data)), least_squares.curvatures(DIABETES.X), atol=1e-7
    )
    assert largest_curvature(model, params, data) == pytest.approx(least_squares.curvatures(DIABETES.X)[-1], rel=1e-4)


def test_pack_and_unpack_are_inverse():
    model = MODELS["two_layer_linear"]
    params = draw(model, {"n": 3, "m": 7, "k": 5}, np.random.default_rng(0))
    again = unpack(model, pack(model, params), params)
    assert all(np.array_equal(again[name], params[name]) for name in model.params)


@pytest.fixture
def points(tmp_path):
    rng = np.random.default_rng(0)
    X = rng.standard_normal((2, 50))
    return tmp_path, X, (np.array([[3.0, -1.0]]) @ X + 2.0)


def test_npz_and_csv_are_read(points):
    folder, X, y = points
    np.savez(folder / "d.npz", X=X, y=y[0])
    rows = "\n".join(",".join(map(repr, row)) for row in np.vstack([y, X]).T.tolist())
    (folder / "d.csv").write_text("y,a,b\n" + rows + "\n")
    for name, features in (("d.npz", ("x0", "x1")), ("d.csv", ("a", "b"))):
        data = load(str(folder / name))
        np.testing.assert_array_equal(data.X, X)
        np.testing.assert_array_equal(data.y, y)
        assert data.features == features


def test_a_byte_order_mark_and_spaces_are_no_part_of_a_name(tmp_path):
    (tmp_path / "d.csv").write_bytes(b"\xef\xbb\xbfy , a\n1,2\n3,5\n")
    data = load(str(tmp_path / "d.csv"))
    assert (data.y.tolist(), data.features) == ([[1.0, 3.0]], ("a",))


def test_without_a_column_y_the_last_is_the_target(tmp_path):
    (tmp_path / "d.csv").write_text("a,b,c\n1,2,3\n4,5,7\n")
    assert load(str(tmp_path / "d.csv")).y.tolist() == [[3.0, 7.0]]


BAD = {
    "text.csv": (b"a,y\n1,2\n3,four\n", "row 3 is '3,four'; it must be 2 numbers"),
    "ragged.csv": (b"a,y\n1,2\n3\n", "row 3 is '3'; it must be 2 numbers"),
    "empty.csv": (b"", "header"),
    "header.csv": (b"a,y\n", "no examples"),
    "latin.csv": (b"a,y\n1,\xff\n", "UTF-8"),
    "nan.csv": (b"a,y\n1,2\n2,nan\n", "not finite"),
    "flat.csv": (b"a,y\n1,2\n2,2\n", "the target is constant"),
    "one.csv": (b"a,y\n1,2\n", "there is one example"),
    "headless.csv": (b"1,2\n3,4\n5,6\n", "the first row is numbers"),
    "twins.csv": (b"a,a,y\n1,2,3\n4,5,6\n", "two columns of the header have one name"),
    "junk.npz": (b"PK nonsense", "no .npz of numbers"),
    "empty.npz": (b"", "no .npz of numbers"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_data_is_one_clear_error(name, tmp_path):
    content, message = BAD[name]
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=message) as caught:
        load(str(tmp_path / name))
    assert "\n" not in str(caught.value)


def test_bad_npz_contents(tmp_path):
    np.savez(tmp_path / "keys.npz", X=np.ones((2, 3)))
    np.savez(tmp_path / "shape.npz", X=np.ones((2, 3)), y=np.ones(4))
    np.savez(tmp_path / "pickle.npz", X=np.array([[object()]]), y=np.ones(1))
    np.savez(tmp_path / "text.npz", X=np.array([["a"]]), y=np.ones(1))
    for name, message in (
        ("keys", "must hold"),
        ("shape", r"\(2, 3\) and y \(1, 4\)"),
        ("pickle", "no .npz"),
        ("text", "no .npz"),
    ):
        with pytest.raises(InputError, match=message):
            load(str(tmp_path / f"{name}.npz"))


def test_univariate_asks_which_of_several_features(points, capsys):
    folder, X, y = points
    np.savez(folder / "d.npz", X=X, y=y)
    with pytest.raises(SystemExit) as exited:
        main(["descend", "univariate", "--data", str(folder / "d.npz")])
    assert exited.value.code == 2
    assert "has 2: x0, x1; choose one with --feature" in capsys.readouterr().err
    with pytest.raises(SystemExit) as exited:
        main(
            [
                "descend",
                "univariate",
                "--data",
                str(folder / "d.npz"),
                "--feature",
                "x0",
                "--json",
                str(folder / "o.json"),
            ]
        )
    assert exited.value.code == 0
    result = json.loads((folder / "o.json").read_text())
    assert set(result) >= {
        "loss",
        "r2",
        "steps",
        "learning_rate",
        "params",
        "closed_form",
        "random_search",
        "trajectory",
    }
    assert result["closed_form"]["r2"] == pytest.approx(result["r2"], abs=1e-9)
    assert result["trajectory"][0]["step"] == 0
    assert result["trajectory"][-1]["step"] == 5000


def test_a_constant_feature_is_standardised_to_zero(points):
    _, X, y = points
    data = load("diabetes").standardised()
    np.testing.assert_allclose([data.X.mean(axis=1), data.X.std(axis=1) - 1], 0, atol=1e-14)
    X = np.vstack([X, np.full((1, 50), 0.1)])
    from backproof.descent.data import Data

    assert not Data("made", X, y, ("a", "b", "c")).standardised().X[2].any()


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("Ascends", "the fault is the backend's; run backproof conform --backend tests.support.planted:Ascends"),
        ("Forgets", "descends to {}; it must give the parameters"),
        ("Exits", "cannot descend: SystemExit: 3"),
        ("Mumbles", "cannot descend: TypeError: to_numpy gives list for w"),
    ],
)
def test_a_backend_at_fault_is_one_clear_error(spec, message, capfd):
    with pytest.raises(SystemExit) as exited:
        main(["descend", "univariate", "--backend", f"tests.support.planted:{spec}", "--steps", "50"])
    out, err = capfd.readouterr()
    assert (exited.value.code, out, err.count("\n")) == (2, "", 1)
    assert message in err


def test_a_descent_too_large_for_a_bound_says_so(backproof):
    code, out, _ = backproof("descend", "two_layer_linear", "--hidden", "40", "--steps", "5")
    assert code == 0
    assert "no bound on rounding: the problem is too large for it" in out


@pytest.mark.parametrize("scale", [1e200, 1e-250])
def test_extreme_scales_are_standardised(scale, points):
    folder, X, y = points
    np.savez(folder / "d.npz", X=X * scale, y=y / scale)
    data = load(str(folder / "d.npz")).standardised()
    np.testing.assert_allclose(data.X.std(axis=1), 1)
    np.testing.assert_allclose(data.y.std(axis=1), 1)
