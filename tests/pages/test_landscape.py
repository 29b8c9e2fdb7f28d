"""Loss landscapes: the plane, the paths on it, the learning rates compared, the pictures."""

import xml.etree.ElementTree as ET
from functools import cache

import numpy as np
import pytest

from backproof import MODELS, InputError
from backproof.descent import least_squares
from backproof.descent.data import load
from backproof.descent.descent import follow
from backproof.descent.parameters import pack
from backproof.descent.problem import prepare
from backproof.pages.landscape.plane import components, plane
from backproof.pages.landscape.rates import FACTORS, STEPS, compare
from backproof.pages.landscape.scene import scene

DIABETES = load("diabetes").standardised()


class Equations:
    """The model's own equations as what makes the steps, in this process."""

    name = spec = "equations"

    def __init__(self, problem):
        self.problem = problem

    def advance(self, params, learning_rate, steps):
        for _ in range(steps):
            gradients = self.problem.model.gradients(**params, **self.problem.inputs)
            params = {name: p - learning_rate * gradients[name] for name, p in params.items()}
        return params

    def loss(self, params):
        return float(self.problem.model.loss(np, **params, **self.problem.inputs))


class Drifts(Equations):
    """An engine whose steps nobody would guess."""

    def advance(self, params, learning_rate, steps):
        return {name: p + 1e-4 * steps * (1 + np.arange(p.size)).reshape(p.shape) for name, p in params.items()}


@cache
def drawn(name, engine=Equations, chosen=None, steps=60, rate=None):
    data = DIABETES.only("bmi") if name == "univariate" else DIABETES
    problem = prepare(MODELS[name], data, rate)
    made = engine(problem)
    with np.errstate(over="ignore", invalid="ignore"):
        descent, trials = follow(made, problem, steps), compare(made, problem)
    return problem, scene(problem, data, descent, made.name, trials, chosen, seed=0)


@pytest.mark.parametrize("name", MODELS)
def test_what_is_drawn_is_what_the_engine_did(name):
    problem, shown = drawn(name, Drifts)
    start = pack(problem.model, problem.start)
    step = 1e-4 * np.concatenate([1.0 + np.arange(np.size(p)) for p in problem.start.values()])
    for trial, path in zip(shown.trials, shown.trial_paths, strict=True):
        assert [point.step for point in trial.path] == list(range(STEPS + 1))
        expected = (start + np.arange(STEPS + 1)[:, None] * step - shown.plane.origin) @ shown.plane.axes.T
        np.testing.assert_allclose(path, expected, atol=1e-12)
    steps = np.array([point.step for point in shown.descent.path])
    expected = (start + steps[:, None] * step - shown.plane.origin) @ shown.plane.axes.T
    np.testing.assert_allclose(shown.path, expected, atol=1e-12)


@pytest.mark.parametrize("name", MODELS)
def test_learning_rates_do_what_they_are_called(name):
    problem, shown = drawn(name)
    trials = {trial.label: trial for trial in shown.trials}
    assert list(trials) == list(FACTORS)
    losses = {label: np.array([point.loss for point in trial.path]) for label, trial in trials.items()}
    rates = [trial.rate for trial in shown.trials]
    assert rates == sorted(rates)
    for label in ("too small", "good"):
        assert (np.diff(losses[label]) <= 1e-14).all()
    assert losses["good"][-1] < losses["too small"][-1]
    assert losses["divergent"][-1] > 2 * losses["divergent"][0]
    assert losses["oscillating"][-1] < losses["oscillating"][0]
    if problem.stable is None:
        assert (np.diff(losses["oscillating"]) > 0).any()
    else:  # a quadratic: along the direction of the largest curvature every step lands on the other side
        A = np.vstack([DIABETES.only("bmi").X if name == "univariate" else DIABETES.X, np.ones((1, 442))])
        steepest = np.linalg.eigh(A @ A.T)[1][:, -1]
        w, b, _ = least_squares.fit(A[:-1], DIABETES.y)
        path = np.array([pack(problem.model, point.params) for point in trials["oscillating"].path])
        along = (path - np.append(w, b)) @ steepest
        assert (along[1:] * along[:-1] < 0).all()


def test_the_grid_is_the_loss_of_the_model():
    problem, shown = drawn("two_layer_nonlinear", chosen="W1[1,2], b2")
    assert shown.plane.labels == ("W1[1,2]", "b2")
    for i, j in ((0, 0), (7, 50), (60, 60)):
        params = {name: np.array(value) for name, value in shown.descent.end.params.items()}
        params["W1"][1, 2], params["b2"] = shown.u[j], np.float64(shown.v[i])
        assert shown.losses[i, j] == float(problem.model.loss(np, **params, **problem.inputs))


def test_the_optimum_is_lower_than_every_point_of_the_grid():
    for name in ("univariate", "multivariate"):
        _, shown = drawn(name)
        there = shown.plane.loss(*shown.optimum.tolist(), shown.descent.data)
        assert there <= shown.losses.min() + 1e-12
    _, shown = drawn("univariate")
    assert shown.plane.whole
    i, j = np.unravel_index(shown.losses.argmin(), shown.losses.shape)
    assert abs(shown.u[j] - shown.optimum[0]) <= np.diff(shown.u)[0]
    assert abs(shown.v[i] - shown.optimum[1]) <= np.diff(shown.v)[0]
    assert drawn("two_layer_linear")[1].least == least_squares.fit(DIABETES.X, DIABETES.y)[2]
    assert drawn("two_layer_nonlinear")[1].least is None


def test_the_principal_plane_holds_a_flat_path():
    model, rng = MODELS["multivariate"], np.random.default_rng(0)
    base, first, second = rng.standard_normal((3, 1, 10))
    path = [{"w": base + s * first + s**2 * second, "b": np.float64(0.5)} for s in np.linspace(0, 1, 9)]
    found = plane(model, path, None)
    np.testing.assert_allclose(found.axes @ found.axes.T, np.eye(2), atol=1e-12)
    for params in path:
        again = found.params(*found.coordinates(params))
        np.testing.assert_allclose(pack(model, again), pack(model, params), atol=1e-12)
    assert (found.coordinates(path[0]) <= 0).all()  # from the start to the end


@pytest.mark.parametrize("count", [1, 2])
def test_a_path_that_is_straight_or_stays_has_a_plane_too(count):
    model = MODELS["multivariate"]
    path = [{"w": np.full((1, 3), float(s)), "b": np.float64(0)} for s in range(count)]
    found = plane(model, path, "pca")
    np.testing.assert_allclose(found.axes @ found.axes.T, np.eye(2), atol=1e-12)


def test_components_are_named_in_the_order_of_the_vector():
    params = {"W1": np.array([[1.0, 2], [3, 4]]), "b1": np.array([[5.0], [6]]), "w2": np.array([[7.0, 8]]), "b2": 9.0}
    names = components(MODELS["two_layer_linear"], params)
    assert names == ["W1[0,0]", "W1[0,1]", "W1[1,0]", "W1[1,1]", "b1[0,0]", "b1[1,0]", "w2[0,0]", "w2[0,1]", "b2"]


@pytest.mark.parametrize("chosen", ["b", "b,b", "w,b,x", "w[0,3],b", "w,b", "z,b", ""])
def test_a_plane_that_is_not_there_is_an_error(chosen):
    start = {"w": np.zeros((1, 3)), "b": np.float64(0)}
    with pytest.raises(InputError, match="--plane") as caught:
        plane(MODELS["multivariate"], [start], chosen)
    assert "\n" not in str(caught.value)


def test_the_start_is_a_red_dot_where_the_descent_began(tmp_path):
    pytest.importorskip("matplotlib", reason="matplotlib is not installed")
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    from backproof.pages.landscape.picture import figure
    from backproof.pages.pictures import save

    _, shown = drawn("univariate", rate=0.1)
    made = figure(shown)
    canvas = FigureCanvasAgg(made)
    canvas.draw()
    pixels = np.asarray(canvas.buffer_rgba())[::-1]  # rows from the bottom, as the coordinates are

    def colour(axes, place):
        x, y = axes.transData.transform(place)
        return tuple(int(c) for c in pixels[int(y), int(x), :3])

    red, contours = (214, 39, 40), made.axes[0]
    assert colour(contours, shown.path[0]) == red
    assert colour(contours, shown.optimum) == (255, 255, 255)
    panels = [axes for axes in made.axes if axes.get_title().partition(":")[0] in FACTORS]
    assert len(panels) == 4
    assert all(colour(axes, shown.path[0]) == red for axes in panels)
    assert "random search" in contours.get_legend().get_texts()[0].get_text()
    save(made, str(tmp_path / "c.png"))
    assert (tmp_path / "c.png").read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"


def test_descend_draws(backproof, tmp_path):
    pytest.importorskip("matplotlib", reason="matplotlib is not installed")
    options = ["--learning-rate", "0.1", "--steps", "20"]
    for name in ("a.svg", "b.svg"):
        code, out, err = backproof("descend", "univariate", *options, "--out", tmp_path / name)
        assert (code, err) == (0, "")
        assert "too small 0.025, good 0.25, oscillating 0.95, divergent 1.05" in " ".join(out.split())
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()
    assert ET.parse(tmp_path / "a.svg").getroot().tag.endswith("svg")


BAD = {
    "no picture": (["univariate", "--out", "x.pdf"], "--out x.pdf is no picture; name it"),
    "no folder": (["univariate", "--out", "/no/such/x.svg"], "there is no folder"),
    "a plane of nothing": (["univariate", "--plane", "w,b"], "name one with --out FILE"),
    "no component": (["two_layer_linear", "--out", "x.svg", "--plane", "W1[0,0],b3"], "has no component b3 here"),
    "not so many": (["two_layer_linear", "--out", "x.svg", "--plane", "W1[8,0],b2"], "there is W1[0,0] to W1[7,9]"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_mistake_is_told_before_the_descent(case, backproof, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    argv, message = BAD[case]
    code, out, err = backproof("descend", *argv)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert message in err
    assert list(tmp_path.iterdir()) == []
