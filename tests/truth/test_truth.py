"""The traced graph and its certified sweeps, held to account by Taylor series and by known answers."""

import numpy as np
import pytest
from flint import arb

from backproof import MODELS, InputError, Model
from backproof.graph.nodes import Node
from backproof.graph.reverse import RULES, dependents, sweep
from backproof.graph.source_spans import source_lines
from backproof.graph.sweep import evaluate, reachable
from backproof.graph.tracing import trace
from backproof.truth.balls import balls, precision
from backproof.truth.certify import certify
from backproof.truth.confirm import Disagreement, confirm, confirm_along
from backproof.truth.exact import Undecided
from backproof.truth.floating import Floating

DIMS = {"n": 3, "m": 7, "k": 5}


def arrays(model, dims=DIMS, seed=0, positive=False):
    rng = np.random.default_rng(seed)
    drawn = {name: rng.standard_normal(model.shape(name, dims)) for name in model.shapes}
    return {name: np.abs(value) + 0.5 for name, value in drawn.items()} if positive else drawn


def made(loss, **shapes):
    return Model("made", shapes, tuple(shapes), lambda xp, tap=None, **a: loss(xp, **a), lambda **a: {})


# One loss per primitive, and the ways arrays are moved about: together they use every rule of the reverse sweep.
LOSSES = {
    "add subtract": (lambda xp, a, b: xp.sum((a + b - 2) * (3 - b)), {"a": "n m", "b": "n m"}),
    "negative": (lambda xp, a, b: xp.sum(-a * b), {"a": "n m", "b": "1 m"}),
    "divide": (lambda xp, a, b: xp.sum(a / b + 1 / b), {"a": "n m", "b": "m"}),
    "power": (lambda xp, a, b: xp.mean(a**3 + b**0 + xp.square(b) ** 1), {"a": "n 1", "b": "1 m"}),
    "matmul": (lambda xp, a, b: xp.sum((a @ b) ** 2), {"a": "n m", "b": "m k"}),
    "transpose": (lambda xp, a, b: xp.sum(xp.matrix_transpose(a) * b.T), {"a": "n m", "b": "n m"}),
    "permute": (lambda xp, a, b: xp.sum(xp.permute_dims(a, (1, 2, 0)) * b), {"a": "n m k", "b": "m k n"}),
    "reshape": (lambda xp, a, b: xp.sum(xp.reshape(a, (-1,)) * b.reshape(21)), {"a": "n m", "b": "m n"}),
    "broadcast": (lambda xp, a, b: xp.sum(xp.broadcast_to(a, (3, 7)) * b), {"a": "m", "b": ""}),
    "sum axes": (lambda xp, a, b: xp.sum(a.sum(axis=-1) * b.mean(axis=0)), {"a": "n m", "b": "k n"}),
    "keepdims": (lambda xp, a, b: xp.sum((a - xp.mean(a, axis=1, keepdims=True)) * b), {"a": "n m", "b": "n m"}),
    "exp": (lambda xp, a, b: xp.sum(xp.exp(a * b)), {"a": "n m", "b": ""}),
    "log": (lambda xp, a, b: xp.sum(xp.log(a) * b), {"a": "n m", "b": ""}),
    "sqrt": (lambda xp, a, b: xp.sum(xp.sqrt(a + b)), {"a": "n m", "b": "m"}),
    "tanh": (lambda xp, a, b: xp.sum(xp.tanh(a * b)), {"a": "n m", "b": "n 1"}),
    "sigmoid": (lambda xp, a, b: xp.mean(xp.sigmoid(a - 1) * b), {"a": "n m", "b": ""}),
    "real power": (lambda xp, a, b: xp.sum(a**0.5 * b**-2 + b**-1.5 + 2**a + a**b), {"a": "n m", "b": "m"}),
    "log1p": (lambda xp, a, b: xp.sum(xp.log1p(a * b)), {"a": "n m", "b": ""}),
    "expm1": (lambda xp, a, b: xp.sum(xp.expm1(a * b)), {"a": "n m", "b": ""}),
    "abs": (lambda xp, a, b: xp.sum(abs(a - 1) * b + xp.abs(b)), {"a": "n m", "b": "m"}),
    "maximum": (
        lambda xp, a, b: xp.sum(xp.maximum(a, b) * a + xp.minimum(a, 1) + xp.clip(b, 0.8, 1.2)),
        {"a": "n m", "b": "m"},
    ),
    "where": (lambda xp, a, b: xp.sum(xp.where((a > b) | (b <= 1), a * b, 3 * a) * (a != 0)), {"a": "n m", "b": "m"}),
    "positive": (lambda xp, a, b: xp.sum((a > 1) * a * b), {"a": "n m", "b": ""}),
    "nonnegative": (lambda xp, a, b: xp.sum(xp.where(a <= 1, b, a)), {"a": "n m", "b": ""}),
    "zero": (lambda xp, a, b: xp.sum(xp.where(xp.tril(xp.ones((3, 7))) == 0, b, a)), {"a": "n m", "b": ""}),
    "max": (
        lambda xp, a, b: xp.sum(xp.max(a, axis=0) * b) + xp.max(a) - xp.min(b, axis=0, keepdims=True)[0],
        {"a": "n m", "b": "m"},
    ),
    "log-sum-exp": (
        lambda xp, a, b: xp.sum(
            (xp.log(xp.sum(xp.exp(a - xp.max(a, axis=1, keepdims=True)), axis=1)) + xp.max(a, axis=1)) * b
        ),
        {"a": "n m", "b": "n"},
    ),
    "logaddexp": (lambda xp, a, b: xp.sum(xp.logaddexp(a, b)), {"a": "n m", "b": "m"}),
    "take": (
        lambda xp, a, b: xp.sum(a[:, 1:] * b[[0, 0, 2]][:, None] * a[-1, ::-1][:-1] * b[..., 1]),
        {"a": "n m", "b": "n"},
    ),
    "concat": (lambda xp, a, b: xp.sum(xp.concat([a, b, a * b], axis=1) ** 2 * 2), {"a": "n m", "b": "n 1"}),
    "stack": (lambda xp, a, b: xp.sum(xp.stack([row * b for row in a], axis=1) ** 3), {"a": "n m", "b": "m"}),
    "batched matmul": (lambda xp, a, b: xp.sum((a @ b) ** 2), {"a": "n m k", "b": "k 2"}),
    "vectors": (lambda xp, a, b: (a @ b) ** 2 + xp.sum(b @ xp.ones((7, 2))) + xp.vecdot(a, b), {"a": "m", "b": "m"}),
    "var": (lambda xp, a, b: xp.sum(xp.std(a, axis=1, correction=1) * b), {"a": "n m", "b": "n"}),
}


MOVES = {"reshape", "broadcast", "transpose", "sum"}  # every other loss needs them right
CHOICES = {"positive", "nonnegative", "zero"}  # nothing flows back through these


def test_the_losses_use_every_rule():
    used = {node.op for name in LOSSES for node in reachable([_trace(name)[1].loss])}
    assert used - {"input", "constant"} == set(RULES)


def _trace(name):
    loss, shapes = LOSSES[name]
    model = made(loss, **shapes)
    return model, trace(model, DIMS)


@pytest.mark.parametrize("name", LOSSES)
def test_every_coordinate_overlaps_the_series_through_the_forward(name):
    model, traced = _trace(name)
    values = arrays(model, positive=True)
    truth = certify(model, values, "float64")
    with precision(192):
        gradients = {p: q.value for p, q in truth.gradients.items()}
        for p, gradient in gradients.items():
            for index in np.ndindex(gradient.shape):
                direction = {q: balls(np.zeros(gradients[q].shape)) for q in gradients}
                direction[p] = direction[p].copy()
                direction[p][index] = arb(1)
                confirm_along(traced, values, gradients, direction)


@pytest.mark.parametrize("op", sorted(set(RULES) - MOVES - CHOICES))
def test_a_wrong_rule_is_exposed_by_the_series(op, monkeypatch):
    right = RULES[op]
    monkeypatch.setitem(RULES, op, lambda *a: [None if g is None else 2 * g for g in right(*a)])
    name = "add subtract" if op in ("add", "subtract", "multiply") else op
    model, _ = _trace(name)
    with pytest.raises(Disagreement):
        certify(model, arrays(model, positive=True), "float64")


@pytest.mark.parametrize("model", MODELS.values(), ids=lambda model: model.name)
def test_truth_agrees_with_the_reference_to_rounding_and_is_tight(model):
    values = arrays(model)
    truth = certify(model, values, "float64")
    gradients = model.gradients(**values)
    for name, quantity in truth.gradients.items():
        assert quantity.value.shape == np.shape(gradients[name])
        for ball, computed in zip(quantity.value.flat, np.ravel(gradients[name]), strict=True):
            assert float(abs(ball - float(computed)).abs_upper()) < 1e-13
            assert float(ball.rad()) < 1e-30


def test_precision_is_raised_until_a_saturated_gradient_is_tight():
    model = MODELS["two_layer_nonlinear"]
    values = arrays(model)
    values["b1"] = np.full((5, 1), 700.0)  # 1 - A is of order exp(-700): 1010 bits below A
    truth = certify(model, values, "float64")
    ball = truth.gradients["b1"].value[0, 0]
    assert float(ball.rad()) <= 2.0**-80 * float(truth.gradients["b1"].likely[0, 0])


def test_an_exact_optimum_has_gradient_zero_within_the_bound():
    model = MODELS["multivariate"]
    values = arrays(model)
    values["w"], values["X"] = np.array([[1.0, -2.0, 4.0]]), np.round(values["X"] * 8) / 8
    values["b"] = np.array(0.5)
    values["y"] = values["w"] @ values["X"] + 0.5
    truth = certify(model, values, "float64")
    assert all(ball.contains(0) for ball in truth.gradients["w"].value.flat)
    assert truth.gradients["w"].rigorous.max() > 0


@pytest.mark.parametrize(
    ("loss", "message"),
    [
        (lambda xp, a: a, "must return a scalar"),
        (lambda xp, a: 1.0, "must return a scalar"),
        (lambda xp, a: xp.sum(xp.fft(a)), "xp.fft cannot be traced; the loss may use: .*exp"),
        (lambda xp, a: xp.sum(a) or a, "branch"),
        (lambda xp, a: xp.sum(a ** "2"), "exponent is '2'"),
        (lambda xp, a: xp.sum(a @ a), r"matmul: shapes \(3, 7\) and \(3, 7\)"),
        (lambda xp, a: xp.sum(a + a.T), r"shapes \(3, 7\) and \(7, 3\) do not broadcast"),
        (lambda xp, a: xp.sum(a.reshape(5, 4)), r"\(3, 7\) does not fit into \(5, 4\)"),
        (lambda xp, a: xp.sum(a * "two"), "mixes a str"),
    ],
)
def test_what_cannot_be_traced_is_one_clear_error(loss, message):
    with pytest.raises(InputError, match=message):
        trace(made(loss, a="n m"), DIMS)


def test_numpy_arrays_on_the_left_leave_the_operation_to_the_graph():
    node = Node("input", (), (2,), name="a")
    for result in (np.ones(2) + node, np.ones(2) * node, 1 - node, 2 / node, np.ones((1, 2)) @ node.reshape(2, 1)):
        assert isinstance(result, Node)


def test_a_parameter_the_loss_ignores_has_gradient_zero():
    truth = certify(made(lambda xp, a, b: xp.sum(a * a), a="n", b="m"), {"a": np.ones(3), "b": np.ones(7)}, "float64")
    assert [float(v) for v in truth.gradients["b"].value] == [0.0] * 7


@pytest.mark.parametrize(
    "loss",
    [
        lambda xp, a: xp.sum(xp.maximum(a, 0)),
        lambda xp, a: xp.sum(abs(a)),
        lambda xp, a: xp.sum(xp.where(a > 0, a, 0)),
        lambda xp, a: xp.max(a * 0),
        lambda xp, a: xp.sum(xp.maximum(xp.exp(a) - xp.exp(a + 1 - 1), 0)),  # zero, but no ball says so
    ],
)
def test_a_kink_is_undecided_and_never_a_silent_branch(loss):
    with pytest.raises(Undecided, match="kink"):
        certify(made(loss, a="n"), {"a": np.array([1.0, 0.0, 2.0])}, "float64")


def test_a_tie_among_data_alone_is_no_kink():
    model = Model("made", {"a": "n", "y": "n"}, ("a",), lambda xp, a, y, tap: xp.sum(a * (y == 1) * (y > 0)), dict)
    truth = certify(model, {"a": np.array([3.0, 4, 5]), "y": np.array([0.0, 1, 1])}, "float64")
    assert [float(v) for v in truth.gradients["a"].value] == [0, 1, 1]
    assert np.isfinite(truth.gradients["a"].rigorous).all()


def test_a_comparison_that_rounding_may_flip_has_no_small_bound():
    def loss(xp, a, b, tap):
        return xp.sum(xp.where(a * b > 1, 1000 * a, b))

    model = Model("made", {"a": "n", "b": "n"}, ("a",), loss, dict)
    b = np.array([3.0, 0.5])
    truth = certify(model, {"a": np.array([1 / 3, 5.0]), "b": b}, "float64")  # 3 * (1/3) rounds to 1
    bounds = truth.gradients["a"].rigorous
    assert bounds[0] > 999 > 1e-9 > bounds[1]


def test_nodes_remember_the_line_of_the_file_that_made_them(tmp_path):
    source = "def loss(xp, a, tap):\n    Z = a * 2\n    return xp.mean(Z)\n"
    names = {}
    exec(compile(source, "/made/up.py", "exec"), names)
    with source_lines("/made/up.py"):
        traced = trace(Model("made", {"a": "n"}, ("a",), names["loss"], dict), DIMS)
    lines = {node.op: node.line for node in reachable([traced.loss])}
    assert (lines["multiply"], lines["sum"], lines["input"]) == (2, 3, None)


def test_precision_is_raised_until_cancelled_values_are_finite():
    """1e60 - 1e60 + 1/2 in 192 bits is anything; the truth of finite inputs is finite."""
    model = MODELS["two_layer_nonlinear"]
    values = {"X": [[1.0], [0.5]], "y": [[0.0]], "W1": [[1e60, 1.0]], "b1": [[-1e60]], "w2": [[1.0]], "b2": 0.0}
    truth = certify(model, {name: np.asarray(value) for name, value in values.items()}, "float64")
    assert float(truth.output.value[0, 0]) == pytest.approx(1 / (1 + np.exp(-0.5)))


def test_a_value_no_precision_decides_is_undecided():
    loss = made(lambda xp, a: xp.sum(1 / (a - a)), a="")
    with pytest.raises(Undecided, match="at 6144 bits"):
        certify(loss, {"a": np.array(1.0)}, "float64")


@pytest.mark.parametrize("model", MODELS.values(), ids=lambda model: model.name)
@pytest.mark.parametrize("m", [1, 7, 64])
def test_the_confirmation_sees_every_parameter(model, m):
    """Doubling one parameter's swept gradient is noticed, whichever it is."""
    values = arrays(model, {"n": 2, "m": m, "k": 3})
    traced = trace(model, {"n": 2, "m": m, "k": 3})
    gradients = {name: q.value for name, q in certify(model, values, "float64").gradients.items()}
    confirm(traced, values, gradients)
    for name, gradient in gradients.items():
        with pytest.raises(Disagreement):
            confirm(traced, values, gradients | {name: np.asarray(2 * gradient, object)})
    poisoned = {name: np.full(g.shape, arb("nan"), object) for name, g in gradients.items()}
    with pytest.raises(Disagreement):
        confirm(traced, values, poisoned)


@pytest.mark.parametrize("name", LOSSES)
def test_the_rules_on_numbers_are_the_rules_on_nodes(name):
    model, traced = _trace(name)
    values = arrays(model, positive=True)
    order = reachable([traced.loss])
    adjoint = {traced.loss: np.asarray(1.0)}
    numbers = evaluate([traced.loss], Floating(values))
    sweep(order, dependents(order, traced.inputs.values()), adjoint, numbers, {})
    for p, quantity in certify(model, values, "float64").gradients.items():
        exact = np.array([float(ball.mid()) for ball in quantity.value.flat]).reshape(quantity.value.shape)
        assert (np.abs(adjoint[traced.inputs[p]] - exact) <= 2 * quantity.rigorous).all()


def test_the_slope_of_expm1_keeps_its_digits_far_to_the_left():
    model = made(lambda xp, x: xp.sum(xp.expm1(x)), x="n")
    gradient = certify(model, {"x": np.linspace(-45.0, -38.0, 3)}, "float64").gradients["x"]
    sizes = np.exp(np.linspace(-45.0, -38.0, 3))
    assert (gradient.likely < 1e-12 * sizes).all()
