"""Planted mistakes are named: kind, factor, place; on the sigmoid network, whose derivation the README shows."""

import pytest
from tests.support.derivations import GALLERY, NETWORK, kinds, linear, network, written
from tools.diagnosis_power.faults import injected
from tools.diagnosis_power.measure import measure
from tools.diagnosis_power.rewrites import survive
from tools.diagnosis_power.source import Derived

from backproof.derivation.check import check
from backproof.derivation.diagnosis.factor import identify

RESIDUAL = "2 * (y_hat - y) / m"
SLOPE = " * A * (1 - A)"
B1, B2, W2 = "b1=dZ.sum(axis=1, keepdims=True)", "b2=dy_hat.sum()", "w2=dy_hat @ A.T"
FORWARD = "y_hat, A = forward(X, W1, b1, w2, b2, xp)"


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ([(SLOPE, "")], {"W1": "missing-derivative", "b1": "missing-derivative"}),
        ([("(1 - A)", "(1 + A)")], {"W1": "wrong-derivative", "b1": "wrong-derivative"}),
        ([(SLOPE, " * (1 - A**2)")], {"W1": "wrong-derivative", "b1": "wrong-derivative"}),
        ([(SLOPE, " * sigmoid(A) * (1 - sigmoid(A))")], {"W1": "wrong-derivative", "b1": "wrong-derivative"}),
        ([(B1, "b1=dZ")], {"b1": "missing-reduction"}),
        ([(B1, "b1=dZ.sum(axis=1)")], {"b1": "shape"}),
        ([(B1, "b1=dZ.sum(axis=0, keepdims=True)")], {"b1": "wrong-axis"}),
        ([(B1, "b1=dZ[:, :-1].sum(axis=1, keepdims=True)")], {"b1": "missing-examples"}),
        ([(B2, "b2=dy_hat[0, 1:].sum()")], {"b2": "missing-examples"}),
        ([("dZ @ X.T,", "X @ dZ.T,")], {"W1": "transpose"}),
        ([(B2, "b2=0.0 * dy_hat.sum()")], {"b2": "zero"}),
        ([(B2, "b2=dy_hat.sum().astype('float32')")], {"b2": "dtype"}),
        ([(B2, "b2=0")], {"b2": "dtype"}),
        ([(B2, "b2='none'")], {"b2": "dtype"}),
        ([(B2, "b2=dy_hat.sum() * np.nan")], {"b2": "not-finite"}),
        ([(B2, "b3=dy_hat.sum()")], {"b2": "key", "b3": "key"}),
        ([(W2, "w2=dy_hat @ (W1 @ X + b1).T"), ("X, y, w2,", "X, y, W1, b1, w2,")], {"w2": "wrong-operand"}),
        (
            [(FORWARD, FORWARD.replace("b2, xp)", "0 * b2, xp)"))],
            dict.fromkeys(["W1", "b1", "w2", "b2"], "stale-value"),
        ),
        ([(W2, "w2=dy_hat @ A.T * np.where(np.arange(A.shape[0]) == 1, 1.5, 1)")], {"w2": "element"}),
        ([(B2, "b2=np.cos(dy_hat).sum()")], {"b2": "unknown"}),
        (
            [(SLOPE, ""), (B2, "b2=dy_hat.mean()")],
            {"W1": "missing-derivative", "b1": "missing-derivative", "b2": "factor"},
        ),
    ],
)
def test_a_planted_mistake_is_named(changes, expected, tmp_path):
    assert kinds(network(tmp_path, *changes)) == expected


@pytest.mark.parametrize(
    ("change", "factor"),
    [
        ((RESIDUAL, "(y_hat - y) / m"), "1/2"),
        ((RESIDUAL, "2 * (y_hat - y)"), "m"),
        ((RESIDUAL, "y_hat - y"), "m/2"),
        ((RESIDUAL, "2 * (y - y_hat) / m"), "-1"),
        ((RESIDUAL, "2 * (y_hat - y) / (m - 1)"), "m/(m - 1)"),
        ((RESIDUAL, "2 * (y_hat - y) / (m * w2.size)"), "1/k"),
        ((RESIDUAL, "2 * (y_hat - y) / m * w2.size / X.shape[0]"), "k/n"),
    ],
)
def test_a_constant_factor_is_an_expression_in_the_shape_letters(change, factor, tmp_path):
    result = check(network(tmp_path, change), oracles=False)
    assert [g.diagnosis.factor for g in result.gradients.values()] == [factor] * 4


def test_a_diagnosis_names_the_operation_and_its_line(tmp_path):
    path = network(tmp_path, (SLOPE, ""))
    diagnosis = check(path, oracles=False).gradients["W1"].diagnosis
    line = (
        NETWORK.read_text().splitlines().index(next(s for s in NETWORK.read_text().splitlines() if "A = sig" in s)) + 1
    )
    assert diagnosis.line == line
    assert "derivative of A by Z, A (1 - A)" in diagnosis.text
    assert f"line {line}: A = sigmoid(Z, xp)" in diagnosis.text


def test_a_second_mistake_in_the_same_gradient_is_told(tmp_path):
    result = check(network(tmp_path, (SLOPE, ""), (RESIDUAL, "(y_hat - y) / m")), oracles=False)
    assert result.gradients["W1"].diagnosis.kind == "missing-derivative"
    assert "times 1/2" in result.gradients["W1"].diagnosis.text
    assert result.gradients["b2"].diagnosis.factor == "1/2"


def test_taps_name_the_first_wrong_step(tmp_path):
    source = (GALLERY / "relu_layer.py").read_text().replace("dA * (Z > 0)", "dA")
    text = check(written(tmp_path, source), oracles=False).gradients["W"].diagnosis.text
    assert "dA is right, dZ is wrong: the mistake is between A and Z" in text


def test_a_mistake_after_the_last_tap_is_placed_there(tmp_path):
    source = (GALLERY / "relu_layer.py").read_text().replace("W=dZ @ X.T", "W=2 * dZ @ X.T")
    result = check(written(tmp_path, source), oracles=False)
    assert "dZ is right: the mistake is after it" in result.gradients["W"].diagnosis.text
    assert result.gradients["A"].tap


def test_exchanged_gradients_of_one_shape_are_a_matter_of_keys(tmp_path):
    source = """
import numpy as np
shapes = dict(a="n", b="n", c="n")
params = ["a", "b"]
def loss(xp, a, b, c):
    return xp.sum(xp.exp(a) * c + xp.sin(b) if hasattr(xp, "sin") else xp.exp(a) * c + xp.tanh(b))
def gradients(a, b, c):
    return dict(a=1 - np.tanh(b) ** 2, b=np.exp(a) * c)
"""
    assert kinds(written(tmp_path, source)) == {"a": "key", "b": "key"}


def test_factors_need_every_shape_to_agree():
    points = [({"n": 3.0, "m": 7.0}, 7 / 3), ({"n": 5.0, "m": 4.0}, 4 / 5), ({"n": 2.0, "m": 5.0}, 5 / 2)]
    assert identify(points, 1e-12) == "m/n"
    assert identify([*points[:2], (points[2][0], 2.4)], 1e-12) is None
    assert identify([(at, -3.0) for at, _ in points], 1e-12) == "-3"
    assert identify([(at, at["m"] ** -0.5) for at, _ in points], 1e-12) == "1/sqrt(m)"
    assert identify([(at, 0.7978845608028654) for at, _ in points], 1e-12) == "0.797884560803"


def test_a_dropped_factor_in_the_linear_model(tmp_path):
    result = check(linear(tmp_path, ("2 / m *", "1 / m *")), oracles=False)
    assert {n: g.diagnosis.factor for n, g in result.gradients.items()} == {"w": "1/2", "b": "1/2"}


@pytest.mark.parametrize("path", [NETWORK, GALLERY / "softmax_cross_entropy.py", GALLERY / "layer_norm.py"])
def test_a_slice_of_the_measured_power(path):
    """The whole is `python -m tools.diagnosis_power`."""
    trials = list(measure(path, step=7))
    wrong = [t for t in trials if t.wrong]
    assert len(wrong) >= 10
    assert [t for t in trials if not t.verdict_right] == []
    assert sum(t.diagnosis_right for t in wrong) >= 0.9 * len(wrong)


def test_injected_faults_change_the_source_and_nothing_else():
    derived = Derived.parse(NETWORK.read_text())
    texts = [fault.text for fault in injected(derived, {"backward": {"A": (5, 7), "y_hat": (1, 7), "y": (1, 7)}}, True)]
    assert set(derived.functions) == {"backward", "gradients"}
    for wanted in ("without A", "1 - A with the other sign", "over [1:] only", "y for y_hat", "without m"):
        assert any(wanted in text for text in texts), wanted


def test_rewritten_right_gradients_never_fail():
    files = [NETWORK, GALLERY / "batch_norm.py", GALLERY / "attention.py"]
    tried, failed = survive(files, 450, seed=7)
    assert tried >= 450
    assert failed == []
