"""`explain`: the equations of the files, their numbers, and certified values that owe them nothing."""

import inspect
import json
import re
from dataclasses import replace

import numpy as np
import pytest

from backproof import MODELS, InputError
from backproof.pages.explain.equations import BACKWARD, FORWARD, GRADIENT, LOSS, Equations
from backproof.pages.explain.passes import one_pass
from backproof.pages.explain.text import short


@pytest.mark.parametrize("name", MODELS)
def test_equations_and_shapes_are_those_of_the_file(name):
    source = inspect.getsource(inspect.getmodule(MODELS[name].gradients))
    written = {}
    for target, text, shape in re.findall(r"^\s+(\w+) ?= ?(.+?),?\s+# (\(.*\))$", source, re.MULTILINE):
        written[target] = (text.replace(", xp)", ")"), shape)
    for each in Equations.read(MODELS[name]):
        if each.kind != LOSS:
            target = each.target if each.kind in (FORWARD, BACKWARD) else each.target.removeprefix("d")
            assert written[target] == (each.text, each.shape)
        else:
            assert each.text == "mean((y_hat - y) ** 2)"
    kinds = [each.kind for each in Equations.read(MODELS[name])]
    assert kinds == sorted(kinds, key=[FORWARD, LOSS, BACKWARD, GRADIENT].index)


@pytest.mark.parametrize("name", MODELS)
def test_a_pass_is_what_the_model_computes(name):
    shown = one_pass(MODELS[name], seed=3)
    params, data = ({n: shown.arrays[n] for n in names} for names in (MODELS[name].params, MODELS[name].data))
    loss, gradients = MODELS[name].evaluate(params, data)
    assert shown.loss == loss
    told = {step.equation.target: step for step in shown.steps}
    for parameter, gradient in gradients.items():
        np.testing.assert_array_equal(told[f"d{parameter}"].value, gradient)
    for step in shown.steps:
        assert 0 <= step.error <= step.truth.likely.max()
        assert float(step.certified(step.worst)[1]) < 1e-40
    assert any(step.error > 0 for step in shown.steps)  # tenths are rounded: the two columns differ


def test_certified_values_owe_the_hand_derivation_nothing():
    """With a wrong backward the computed values change, the certified ones do not."""
    model = MODELS["two_layer_nonlinear"]
    right = {step.equation.target: step for step in one_pass(model).steps}
    namespace = dict(inspect.getmodule(model.gradients).__dict__)
    wrong = one_pass(replace(model, gradients=_without_slope(namespace)))
    for step in wrong.steps:
        same = right[step.equation.target]
        assert step.certified(step.worst) == same.certified(step.worst)
        assert (step.error > 1e-3) == (step.equation.target in ("dZ", "dW1", "db1"))


def _without_slope(namespace):
    """The gradients of a module whose backward lost A (1 - A)."""
    import linecache

    text = inspect.getsource(namespace["backward"]).replace(" * A * (1 - A)", "")
    text += "\n\n" + inspect.getsource(namespace["gradients"])
    linecache.cache["<wrong>"] = (len(text), None, text.splitlines(keepends=True), "<wrong>")
    exec(compile(text, "<wrong>", "exec"), namespace)
    return namespace["gradients"]


def test_dependencies_are_the_names_in_the_line():
    depends = {each.target: each.depends for each in Equations.read(MODELS["two_layer_nonlinear"])}
    assert depends["Z"] == ("W1", "X", "b1")
    assert depends["A"] == ("Z",)
    assert depends["dy_hat"] == ("y_hat", "y", "m")
    assert depends["dZ"] == ("w2", "dy_hat", "A")
    assert depends["db2"] == ("dy_hat",)


def test_a_model_without_source_is_an_error():
    with pytest.raises(InputError, match="could be read"):
        one_pass(replace(MODELS["univariate"], gradients=len))


@pytest.mark.parametrize(("radius", "shown"), [("5.89e-58", "6e-58"), ("9.01e-58", "1e-57"), ("0", "0"), ("2.00", "2")])
def test_a_radius_is_rounded_up(radius, shown):
    assert short(radius) == shown


@pytest.mark.parametrize("name", MODELS)
def test_explain_prints_and_writes_the_same_pass(name, backproof, tmp_path, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    code, out, err = backproof("explain", name, "--json", tmp_path / "e.json")
    assert (code, err) == (0, "")
    assert max(map(len, out.splitlines())) <= 80
    result = json.loads((tmp_path / "e.json").read_text())
    assert result["model"] == name
    for equation in result["equations"]:
        assert f"{equation['target']} = {equation['equation']}  {equation['shape']}" in out
        value, certified, radius = (np.array(equation[key], float) for key in ("value", "certified", "radius"))
        assert np.abs(value - certified).max() <= 1e-14
        assert radius.max() < 1e-40
        assert equation["error"] < 1e-14


def test_json_goes_alone_to_standard_output(backproof):
    code, out, err = backproof("explain", "univariate", "--json", "-")
    assert code == 0
    assert json.loads(out)["shape"] == {"m": 4}
    assert "certified" in err


def test_an_unknown_model_is_an_error(backproof):
    code, out, err = backproof("explain", "resnet")
    assert (code, out) == (2, "")
    assert err == f"backproof: there is no model resnet; there are {', '.join(MODELS)}\n"
