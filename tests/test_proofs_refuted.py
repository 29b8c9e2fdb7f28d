"""A wrong equation is refuted: every analytic mutant of the four model files, through the whole prover."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from tests.wrong_equations import DELTA, MUTANTS, NETWORKS, REGRESSIONS, SIGMA

from backproof import MODELS
from backproof.models import sigmoid
from backproof.proofs import derive
from backproof.proofs.algebra import moments, row_scaling, tiles
from backproof.proofs.curvature import hessian, sigmoid_claims
from backproof.proofs.links import for_all_shapes, on_symbols
from backproof.proofs.prover import prove_equation
from backproof.proofs.rationals import on_numbers


@pytest.mark.parametrize(
    ("name", "old", "new", "wrong"), [m[:4] for m in MUTANTS], ids=[f"{m[0]}: {m[4]}" for m in MUTANTS]
)
def test_a_wrong_equation_is_refuted(mutant, name, old, new, wrong):
    """In every link, with a counterexample; and the equations that the fault does not touch stay proved."""
    model = mutant(name, old, new)
    derivation = derive(model)
    for parameter in model.params:
        if parameter in wrong:
            equation = prove_equation(model, parameter, derivation)
            assert not equation.proved
            assert {link: held.holds for link, held in equation.links.items()} == {
                "all shapes": False,
                "code": False,
                "specification": False,
            }
            found = equation.counterexample
            assert found.claimed != found.derivative
            assert set(found.inputs) == set(model.shapes)
        else:
            assert for_all_shapes(model, parameter).holds
            assert on_numbers(model, parameter)[0].holds


@pytest.mark.parametrize("name", MODELS)
def test_a_counterexample_can_be_checked_by_hand(mutant, name):
    """Its numbers are what the wrong and the right equation give in floating point."""
    wrong = mutant(name, DELTA, "(y_hat + y) / m")
    for parameter in wrong.params:
        found = on_numbers(wrong, parameter)[1]
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
    found = on_numbers(mutant("two_layer_nonlinear", "W1=dZ @ X.T", "W1=X @ dZ.T"), "W1")[1]
    assert found.shape["n"] == found.shape["k"] == 2
    assert float(found.claimed) != float(found.derivative)
    found = on_numbers(mutant("two_layer_nonlinear", "b2=dy_hat.sum()", "b2=dy_hat"), "b2")[1]
    assert found.claimed == "it has shape (1, 1) where b2 has ()"


def test_the_links_fail_one_by_one(mutant):
    """Each link catches what the other two cannot."""
    consistent = mutant("multivariate", "xp.mean((y_hat - y) ** 2)", "xp.mean((y_hat - y) ** 2) * 2")
    consistent = replace(consistent, gradients=mutant("multivariate", DELTA, "4 * (y_hat - y) / m").gradients)
    assert _links(consistent, "w") == (True, True, False)
    assert on_numbers(consistent, "w")[1].component == "the loss"

    beyond_the_samples = "2 * (y_hat - y) / m * (1 + (m - 1) * (m - 2) * (m - 3) * (m - 4))"
    assert _links(mutant("multivariate", DELTA, beyond_the_samples), "w") == (False, True, True)

    at_one_size = "2 * (y_hat - y) / m * (2 if m == 4 else 1)"  # a symbol is no number: for all shapes it seems right
    assert _links(mutant("multivariate", DELTA, at_one_size), "w") == (True, False, False)


def test_the_index_form_must_be_what_numpy_computes(mutant):
    """A loss or a gradient that is another function where the shapes are symbols."""
    other = "* (1 if isinstance({}, int) else 2)"
    loss = "xp.mean((y_hat - y) ** 2)"
    both = mutant("multivariate", loss, f"{loss} {other.format('X.shape[1]')}", DELTA, f"{DELTA} {other.format('m')}")
    assert for_all_shapes(both, "w").holds
    assert on_symbols(both, "w").detail == "at n = 2, m = 3 the loss is not what the index form says"
    gradient = mutant("multivariate", DELTA, f"{DELTA} {other.format('m')}")
    detail = on_symbols(gradient, "w").detail
    assert detail == "at n = 2, m = 3 the component for w[1] is not what the index form says"


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
    equation = prove_equation(model, "b1", derivation)
    assert all(link.holds for link in equation.links.values())
    assert not equation.proved
    assert prove_equation(model, "b2", derivation).proved


def _links(model, name):
    return for_all_shapes(model, name).holds, on_symbols(model, name).holds, on_numbers(model, name)[0].holds


def test_the_wrong_line_is_singled_out(mutant):
    derivation = derive(mutant("two_layer_nonlinear", SIGMA, "* A"))
    assert [d.variable for d in derivation.derivatives.values() if not d.holds] == ["Z"]
    (step,) = [step for step in derivation.derivatives["Z"].steps if not step.holds]
    assert step.kind == "matrix form"
    assert step.formula.text == "dZ = ∂L/∂Z = (w2.T @ dy_hat) * A"


def test_a_failing_forward_is_a_refutation_and_no_crash(mutant):
    model = mutant("multivariate", "y_hat = w @ X + b", "y_hat = w @ X + bias")
    assert derive(model) is None
    equation = prove_equation(model, "w", None)
    assert not equation.proved
    assert "its loss raises" in equation.links["all shapes"].detail
    assert "its loss raises" in equation.counterexample.claimed


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
