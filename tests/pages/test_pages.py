"""The pages of `explain --html` and `descend --out FILE.html`, in a browser: what they say, and how they are used."""

import math
import re

import numpy as np
import pytest
from tests.support.pages import opened, unreached

from backproof import MODELS
from backproof.descent.accuracy import parameter_bound
from backproof.descent.data import load
from backproof.descent.problem import Descent, Point, prepare
from backproof.pages.explain.equations import Equations
from backproof.pages.explain.passes import one_pass
from backproof.pages.landscape.rates import FACTORS

pytest.importorskip("jinja2", reason="jinja2 is not installed")
pytest.importorskip("plotly", reason="plotly is not installed")

BOXES = """(() => { const drawing = document.querySelector('svg.network');
    const told = ({ x, y, width, height }) => [x, y, width, height];
    const texts = [...drawing.querySelectorAll('text')];
    return [told(drawing.viewBox.baseVal), ...texts.map((text) => told(text.getBBox()))] })()"""
LINE = "document.getElementById('chart-fit').data.find((t) => t.name.startsWith('y_hat = w'))"
NOISE = ("GPU stall", "willReadFrequently")  # of WebGL without a GPU


def problems(seen):
    """What the page logged, but for the browser's remarks on drawing without a GPU."""
    return [text for text in seen.logged if not any(noise in text for noise in NOISE)]


def cell(seen, name):
    return seen.texts(f"[data-value='{name}']")[0]


@pytest.fixture(scope="module")
def explained(tmp_path_factory):
    """The file of every model's page, by name."""
    from backproof.pages.explain.page import page

    folder = tmp_path_factory.mktemp("explain")
    files = {name: folder / f"{name}.html" for name in MODELS}
    for name, file in files.items():
        file.write_text(page(one_pass(MODELS[name])), encoding="utf-8")
    return files


@pytest.fixture(scope="module")
def landscapes(tmp_path_factory):
    """Pages of two descents, as the command writes them."""
    from backproof.cli import main

    folder = tmp_path_factory.mktemp("landscape")
    files = {name: folder / f"{name}.html" for name in ("univariate", "two_layer_linear")}
    for name, file in files.items():
        options = ["--steps", "40", "--out", str(file)] + (["--learning-rate", "0.1"] if name == "univariate" else [])
        with pytest.raises(SystemExit) as exited:
            main(["descend", name, *options])
        assert not exited.value.code
    return files


def equations_of(seen, selector):
    return {text.partition(" = ")[0].strip(): " ".join(text.split()) for text in seen.texts(selector)}


@pytest.mark.parametrize("name", MODELS)
def test_an_explained_pass_has_every_equation_with_its_numbers(name, started, explained):
    shown = one_pass(MODELS[name])
    with opened(started, explained[name].as_uri()) as seen:
        told = equations_of(seen, ".step .equation")
        for step in shown.steps:
            target = step.equation.target
            assert told[target] == f"{target} = {step.equation.text} {step.equation.shape}"
            values = seen.texts(f".step[data-name='{target}'] .matrix-of td")
            np.testing.assert_allclose(np.array(values, float), np.ravel(step.value), rtol=1e-5)
            said = " ".join(seen.texts(f".step[data-name='{target}'] .certified"))
            assert step.certified(step.worst)[0] in said
        assert problems(seen) == []
        assert [url for url in seen.asked if not url.startswith(("file:", "data:"))] == []


def test_a_name_shows_what_it_is_made_of_and_what_uses_it(started, explained):
    shown = {step.equation.target: step for step in one_pass(MODELS["two_layer_nonlinear"]).steps}
    with opened(started, explained["two_layer_nonlinear"].as_uri()) as seen:
        roles = """() => Object.fromEntries(
            [...document.querySelectorAll('.step')].map((s) => [s.dataset.name, s.dataset.role ?? '']))"""
        seen.page.locator(".step[data-name='dZ'] .equation .term").first.focus()
        found = seen.page.evaluate(roles)
        assert found["dZ"] == "it"
        assert {name for name, role in found.items() if role == "to"} == {"dW1", "db1"}
        made = {name for name, role in found.items() if role == "from"}
        assert made == {"w2", "dy_hat", "A", "Z", "y_hat", "X", "y", "W1", "b1", "b2"}
        panel = seen.page.locator("#panel").inner_text()
        assert "made of w2, dy_hat, A" in panel
        assert "used by dW1, db1" in panel
        for index in np.ndindex(3, 4):
            assert f"{shown['dZ'].value[index]:.17g}" in panel
            assert shown["dZ"].certified(index)[0] in panel
        seen.page.keyboard.press("Escape")
        assert set(seen.page.evaluate(roles).values()) == {""}
        seen.page.locator("svg text[data-name='W1']").first.hover()
        found = seen.page.evaluate(roles)
        assert found["W1"] == "it"
        assert found["dW1"] == "to"
        assert found["b2"] == ""
        assert problems(seen) == []


def test_colour_is_not_the_only_sign(started, explained):
    with opened(started, explained["two_layer_linear"].as_uri()) as seen:
        seen.page.locator(".step[data-name='dZ'] .equation .term").first.focus()
        style = "(s) => getComputedStyle(document.querySelector(s)).borderLeftStyle"
        assert seen.page.evaluate(style, ".step[data-role='from']") == "dashed"
        assert seen.page.evaluate(style, ".step[data-role='to']") == "dotted"
        assert seen.page.evaluate(style, ".step[data-role='it']") == "solid"


@pytest.mark.parametrize("name", MODELS)
def test_the_drawing_has_every_forward_array_with_its_shape(name, started, explained):
    model = MODELS[name]
    with opened(started, explained[name].as_uri()) as seen:
        written = " | ".join(seen.texts("svg.network text"))
        for each in Equations.read(model):
            if each.kind == "forward":
                assert f"{each.target} {each.shape}" in written
            if each.of in model.params:
                assert each.target in written
        for array in (*model.params, "y"):
            assert f"{array} ({', '.join(model.shapes[array].split())})" in written
        whole, *boxes = seen.page.evaluate(BOXES)
        for x, y, width, height in boxes:
            assert min(x, y) >= 0
            assert x + width <= whole[2]
            assert y + height <= whole[3]


def test_the_fitted_line_moves_to_the_least_squares_one(started, explained):
    shown = one_pass(MODELS["univariate"])
    x, y = shown.arrays["x"][0], shown.arrays["y"][0]
    slope, intercept = np.polyfit(x, y, 1)
    with opened(started, explained["univariate"].as_uri()) as seen:
        seen.draw()
        before = seen.page.evaluate(f"{LINE}.y")
        seen.page.locator("#step").focus()
        seen.page.keyboard.press("End")
        assert seen.texts("#step-at") == ["30"]
        seen.page.wait_for_function(f"(before) => {LINE}.y[0] !== before", arg=before[0])
        ends, after = np.array(seen.page.evaluate(f"{LINE}.x")), seen.page.evaluate(f"{LINE}.y")
        start, goal = shown.arrays["w"] * ends + shown.arrays["b"], slope * ends + intercept
        np.testing.assert_allclose(before, start, rtol=1e-9)
        assert math.dist(after, goal) < 0.2 * math.dist(start, goal)
        assert problems(seen) == []


def test_univariate_steps_in_the_page_are_those_of_the_equations(started, landscapes):
    """From another start, at another rate: within the bound on rounding of the descent in Python."""
    data = load("diabetes").standardised().only("bmi")
    problem = prepare(MODELS["univariate"], data)
    params, path = {"w": np.float64(-0.7), "b": np.float64(0.4)}, []
    for step in range(31):
        path.append(Point(step, float(problem.model.loss(np, **params, **problem.inputs)), params))
        gradients = problem.model.gradients(**params, **problem.inputs)
        params = {name: value - 0.3 * gradients[name] for name, value in params.items()}
    bound = parameter_bound(Descent(problem.model, problem.inputs, 0.3, tuple(path)))
    with opened(started, landscapes["univariate"].as_uri()) as seen:
        made = seen.page.evaluate("descend(shown.data.x, shown.data.y, -0.7, 0.4, 0.3, 30)")
    assert len(made) == 31
    for ours, theirs in zip(path, made, strict=True):
        assert math.dist([ours.params["w"], ours.params["b"]], [theirs["w"], theirs["b"]]) <= 2 * bound < 1e-12
        assert theirs["loss"] == pytest.approx(ours.loss, rel=1e-13)
    gradients = problem.model.gradients(**path[0].params, **problem.inputs)
    assert made[0]["dw"] == pytest.approx(float(gradients["w"]), rel=1e-12)
    assert made[0]["db"] == pytest.approx(float(gradients["b"]), rel=1e-12)


def test_stepping_shows_the_numbers_beside_the_equations(started, landscapes):
    data = load("diabetes").standardised().only("bmi")
    problem = prepare(MODELS["univariate"], data)
    with opened(started, landscapes["univariate"].as_uri()) as seen:
        seen.draw()
        seen.page.get_by_label("One step on").click()
        seen.page.get_by_label("One step on").click()
        params = dict(problem.start)
        for _ in range(2):
            gradients = problem.model.gradients(**params, **problem.inputs)
            params = {name: value - 0.1 * gradients[name] for name, value in params.items()}
        gradients = problem.model.gradients(**params, **problem.inputs)
        for name, value in params.items():
            assert float(cell(seen, name)) == pytest.approx(float(value), rel=1e-5)
            assert float(cell(seen, f"d{name}")) == pytest.approx(float(gradients[name]), rel=1e-5)
            after = float(value - 0.1 * gradients[name])
            assert float(seen.texts(f"[data-update='{name}']")[0]) == pytest.approx(after, rel=1e-5)
        delta = 2 * (params["w"] * problem.inputs["x"] + params["b"] - problem.inputs["y"]) / 442
        first = [float(number) for number in re.findall(r"[-\d.e]+", cell(seen, "dy_hat").partition("norm")[0])]
        np.testing.assert_allclose(first, delta[0, :3], rtol=1e-3)
        assert "step 2 of 40" in seen.page.locator("#readout").inner_text()
        assert "dy_hat = 2 * (y_hat - y) / m" in seen.texts(".equations code")
        assert problems(seen) == []


def test_another_rate_and_start_make_the_descent_anew(started, landscapes):
    with opened(started, landscapes["univariate"].as_uri()) as seen:
        seen.draw()
        start = "document.getElementById('chart-contours').data.find((t) => t.marker?.size === 14)"
        assert seen.page.evaluate(f"{start}.marker.color") == "#d62728"
        seen.page.get_by_label("Start w").fill("1.1")
        seen.page.get_by_label("Start b").fill("-0.3")
        seen.page.get_by_label("Learning rate", exact=True).fill("1.2")
        seen.page.keyboard.press("Enter")
        assert "diverges" in seen.page.locator("#readout").inner_text()
        seen.page.wait_for_function(f"() => {start}.x[0] === 1.1 && {start}.y[0] === -0.3")
        assert seen.texts("#table-rates th[scope=row]") == ["made anew", *FACTORS]
        seen.page.get_by_label("Learning rate", exact=True).fill("-1")
        seen.page.keyboard.press("Tab")
        assert "must be a positive number" in seen.page.locator("#readout").inner_text()
        seen.page.locator("#run").select_option("0")
        assert "step 0 of 40" in seen.page.locator("#readout").inner_text()
        assert problems(seen) == []


def test_a_network_is_stepped_through_too(started, landscapes):
    with opened(started, landscapes["two_layer_linear"].as_uri()) as seen:
        seen.draw()
        assert seen.page.get_by_label("Learning rate", exact=True).count() == 0
        seen.page.locator("#at").focus()
        seen.page.keyboard.press("End")
        assert "step 40 of 40" in seen.page.locator("#readout").inner_text()
        assert "norm" in seen.texts("[data-value='dZ']")[0]
        seen.page.locator("#run").select_option("4")
        assert "diverges" in seen.page.locator("#readout").inner_text()
        assert problems(seen) == []


PAGES = [("explained", "two_layer_nonlinear"), ("explained", "univariate"), ("landscapes", "univariate")]


@pytest.mark.parametrize(("kind", "name"), PAGES)
def test_the_keyboard_reaches_everything(kind, name, started, request):
    with opened(started, request.getfixturevalue(kind)[name].as_uri()) as seen:
        assert unreached(seen) == set()


@pytest.mark.parametrize("width", [360, 1200])
@pytest.mark.parametrize(("kind", "name"), [*PAGES, ("landscapes", "two_layer_linear")])
def test_nothing_is_wider_than_the_screen(kind, name, width, started, request):
    with opened(started, request.getfixturevalue(kind)[name].as_uri(), width=width, scheme="dark") as seen:
        seen.draw()
        assert seen.page.evaluate("document.documentElement.scrollWidth") == width
        assert seen.page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(17, 21, 26)"


def test_a_landscapes_text_is_no_markup(tmp_path):
    """A feature or a file with a hostile name."""
    from backproof.cli import main

    hostile = "<script>alert(1)<!script>"
    (tmp_path / "d.csv").write_text(f"{hostile},y\n1,2\n3,5\n4,4\n")
    with pytest.raises(SystemExit) as exited:
        main(
            [
                "descend",
                "univariate",
                "--data",
                str(tmp_path / "d.csv"),
                "--steps",
                "5",
                "--out",
                str(tmp_path / "p.html"),
            ]
        )
    assert not exited.value.code
    assert "alert(1)" not in (tmp_path / "p.html").read_text()
