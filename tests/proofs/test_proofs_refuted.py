"""A wrong equation is refuted by numbers, where it has any: every analytic mutant of the models, through all links."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from tests.support.wrong_equations import DELTA, MUTANTS, NETWORKS, REGRESSIONS, SIGMA

from backproof import MODELS
from backproof.models import sigmoid
from backproof.proofs import derive
from backproof.proofs.algebra import moments, row_scaling, tiles
from backproof.proofs.curvature import hessian, sigmoid_claims
from backproof.proofs.links import for_all_shapes, loss_for_all_shapes
from backproof.proofs.prover import prove
from backproof.proofs.rationals import on_numbers
from backproof.proofs.replay import replayed
from backproof.proofs.trace import trace

SHAPED = {  # by what gives no array of the parameter's shape at any size, or none of another value
    "b1: not reduced", "b1: reduced over the wrong axis", "b1: reduced over both axes", "b1: the axis lost",
    "b2: not reduced", "b2: kept an axis", "b2: left out", "b: not reduced", "w: not reduced", "w: transposed",
    "w: summed over features", "w2: transposed",
}  # fmt: skip
RAISES = {"W1: not transposed", "w2 not transposed", "b: a name that is not there"}


@pytest.mark.parametrize(
    ("name", "old", "new", "wrong", "fault"), MUTANTS, ids=[f"{mutant[0]}: {mutant[4]}" for mutant in MUTANTS]
)
def test_a_wrong_equation_is_refuted(mutant, name, old, new, wrong, fault):
    """With a counterexample, or without where it gives no numbers; what the fault does not touch stays proved."""
    for equation in prove(mutant(name, old, new)):
        assert equation.proved is (equation.parameter not in wrong)
        if equation.proved:
            continue
        found, held = equation.counterexample, {link: held.holds for link, held in equation.links.items()}
        assert held == {"all shapes": False, "code": fault not in RAISES, "specification": False}
        assert (found is None) is (fault in SHAPED | RAISES)
        if found is None:
            words = ("it has shape ", "gradients returns no ", "raises ValueError at line ", "uses w at line ")
            assert any(word in equation.reason for word in words)
        else:
            assert equation.reason is None
            assert found.claimed != found.derivative
            assert set(found.inputs) == set(MODELS[name].shapes)


@pytest.mark.parametrize("name", MODELS)
def test_a_counterexample_can_be_checked_by_hand(mutant, name):
    """Its numbers are what the wrong and the right equation give in floating point."""
    wrong = mutant(name, DELTA, "(y_hat + y) / m")
    for parameter in wrong.params:
        found = on_numbers(trace(wrong), parameter)[1]
        arrays = {each: _floats(value) for each, value in found.inputs.items()}
        assert MODELS[name].check(
            {each: arrays[each] for each in wrong.params}, {each: arrays[each] for each in wrong.data}
        ) == dict(found.shape)
        position = tuple(int(i) - 1 for i in found.component.partition("[")[2].rstrip("]").split(",") if i)
        claimed, right = (np.asarray(model.gradients(**arrays)[parameter]) for model in (wrong, MODELS[name]))
        assert float(Fraction(found.claimed)) == pytest.approx(claimed[position])
        assert float(Fraction(found.derivative)) == pytest.approx(right[position])


def _floats(value):
    return np.array(np.frompyfunc(lambda text: float(Fraction(text)), 1, 1)(np.array(value, object)), float)


def test_a_counterexample_has_values_where_some_shape_gives_them(mutant):
    """Transposed, the gradient fits where n = k only: that is where its values are compared."""
    found = on_numbers(trace(mutant("two_layer_nonlinear", "W1=dZ @ X.T", "W1=X @ dZ.T")), "W1")[1]
    assert found.shape["n"] == found.shape["k"] == 2
    assert float(found.claimed) != float(found.derivative)
    link, found = on_numbers(trace(mutant("two_layer_nonlinear", "b2=dy_hat.sum()", "b2=dy_hat")), "b2")
    assert (link.holds, found) == (False, None)  # only numbers refute
    assert link.detail == "at n = 1, m = 1, k = 1 it has shape (1, 1) where its parameter has ()"


def test_the_links_fail_one_by_one(mutant):
    """Each link catches what the other two cannot."""
    consistent = mutant("multivariate", "xp.mean((y_hat - y) ** 2)", "xp.mean((y_hat - y) ** 2) * 2")
    consistent = replace(consistent, gradients=mutant("multivariate", DELTA, "4 * (y_hat - y) / m").gradients)
    assert _links(trace(consistent), "w") == (True, True, False)
    assert on_numbers(trace(consistent), "w")[1].component == "the loss"

    beyond_the_samples = "2 * (y_hat - y) / m * (1 + (m - 1) * (m - 2) * (m - 3) * (m - 4))"
    assert _links(trace(mutant("multivariate", DELTA, beyond_the_samples)), "w") == (False, True, True)

    right = trace(MODELS["multivariate"])
    for other in (
        lambda X, y, w, b: {name: value * (1 + (X.shape[1] > 60)) for name, value in _right(X, y, w, b).items()},
        lambda X, y, w, b: {name: value * (1 + (X == 0).any()) for name, value in _right(X, y, w, b).items()},
        lambda X, y, w, b: {name: value + (y.dtype == np.float16) for name, value in _right(X, y, w, b).items()},
        lambda X, y, w, b, calls=[]: {name: value + len(calls) for name, value in _right(X, y, w, b, calls).items()},
    ):
        code_is_another = replace(right, model=replace(right.model, gradients=other))
        assert _links(code_is_another, "w") == (True, False, True)


def _right(X, y, w, b, calls=()):
    if isinstance(calls, list):
        calls.append(len(calls))
    return MODELS["multivariate"].gradients(X, y, w, b)


def test_a_consistent_wrong_beyond_the_sizes_tried(mutant):
    """Loss and gradient belong to each other for all shapes, and are the model's at every size that numbers try."""
    factor = "(1 + (x.size - 1) * (x.size - 2) * (x.size - 3) * (x.size - 4))"
    edits = (
        "w * x + b",
        f"w * x + b * {factor}",
        "b=dy_hat.sum()",
        f"b=dy_hat.sum() * {factor.replace('x.size', 'm')}",
    )
    traced = trace(mutant("univariate", *edits))
    assert for_all_shapes(traced, "b").holds
    assert on_numbers(traced, "b")[0].holds
    assert not loss_for_all_shapes(traced).holds


def test_a_derivation_with_a_wrong_step_is_no_proof(mutant):
    """Two wrongs make a right gradient, and a line `dZ` that is not dL/dZ."""
    halved = (
        "W1=dZ @ X.T",
        "W1=dZ @ X.T / 2",
        "b1=dZ.sum(axis=1, keepdims=True)",
        "b1=dZ.sum(axis=1, keepdims=True) / 2",
    )
    model = mutant("two_layer_linear", "dZ = w2.T @ dy_hat", "dZ = 2 * (w2.T @ dy_hat)", *halved)
    derivation = derive(model)
    assert {d.variable for d in derivation.derivatives.values() if not d.holds} == {"Z", "W1", "b1"}
    proved = {equation.parameter: equation for equation in prove(model, derivation)}
    assert all(link.holds for link in proved["b1"].links.values())
    assert proved["b1"].reason == "the line of the code for dZ is not what was derived"
    assert not proved["b1"].proved
    assert proved["b2"].proved


def _links(traced, name):
    return for_all_shapes(traced, name).holds, replayed(traced)[name].holds, on_numbers(traced, name)[0].holds


def test_the_wrong_line_is_singled_out(mutant):
    derivation = derive(mutant("two_layer_nonlinear", SIGMA, "* A"))
    assert [d.variable for d in derivation.derivatives.values() if not d.holds] == ["Z"]
    (step,) = [step for step in derivation.derivatives["Z"].steps if not step.holds]
    assert step.kind == "matrix form"
    assert step.formula.text == "dZ = ∂L/∂Z = (w2.T @ dy_hat) * A"


def test_a_failing_forward_is_neither_refuted_nor_a_crash(mutant):
    model = mutant("multivariate", "y_hat = w @ X + b", "y_hat = w @ X + bias")
    assert derive(model) is None
    for equation in prove(model):
        assert (equation.proved, equation.counterexample) == (False, None)
        assert equation.reason == "uses bias at line 13"


def _all_hold(claims):
    return [claim.holds for claim in claims] == [True] * len(claims)


def test_lemmas_fail_where_they_are_not_true(mutant):
    local_mean = "2 * (y_hat - y) / X.shape[1]"  # each tile by its own count
    for name in ("multivariate", *NETWORKS):
        assert _all_hold(tiles(MODELS[name]))
        assert not any(claim.holds for claim in tiles(mutant(name, DELTA, local_mean))[:-1])
    assert not tiles(mutant("multivariate", "xp.mean((y_hat - y) ** 2)", "xp.mean(y_hat - y) ** 2"))[-1].holds

    assert _all_hold(row_scaling(MODELS["two_layer_nonlinear"]))
    assert not any(c.holds for c in row_scaling(mutant("two_layer_nonlinear", SIGMA, "* A * (w2.T - A)")))

    for name in ("univariate", "multivariate", "two_layer_linear"):
        assert _all_hold(moments(MODELS[name]))
        claims = moments(mutant(name, DELTA, "(y_hat - y) / m"))
        assert [claim.holds for claim in claims] == [True] + [False] * (len(claims) - 1)
    assert not moments(mutant("multivariate", "xp.mean((y_hat - y) ** 2)", "xp.mean(y_hat ** 2)"))[0].holds

    for name in REGRESSIONS:
        assert _all_hold(hessian(MODELS[name]))
        quartic = hessian(mutant(name, "xp.mean((y_hat - y) ** 2)", "xp.mean((y_hat - y) ** 4)"))
        assert [claim.holds for claim in quartic] == [False, False, False, True, True, True]
        other = hessian(mutant(name, DELTA, "2 * (y_hat - y) ** 3 / m"))
        assert [claim.holds for claim in other] == [True, True, True, False, False, True]


@pytest.mark.parametrize(
    ("wrong", "held"),
    [
        (lambda z, xp: 1 / (1 + xp.exp(z)), [False, False, True]),
        (lambda z, xp: 1 / (1 + xp.exp(-xp.abs(z))), [True, False, True]),
        (lambda z, xp: xp.where(z >= 0, xp.exp(-xp.abs(z)), 1) / (1 + xp.exp(-xp.abs(z))), [False, False, True]),
        (sigmoid, [True, True, True]),
    ],
)
def test_a_wrong_sigmoid_is_refuted(wrong, held):
    assert [claim.holds for claim in sigmoid_claims(wrong)] == held
