"""A wrong equation is refuted: every analytic mutant of the four model files, through the whole prover."""

import importlib.util
import inspect
import itertools
import json
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from backproof import MODELS
from backproof.models import sigmoid
from backproof.models.model import Model
from backproof.proofs import derive
from backproof.proofs.algebra import moments, row_scaling, tiles
from backproof.proofs.curvature import hessian, sigmoid_claims
from backproof.proofs.links import for_all_shapes, on_symbols
from backproof.proofs.prover import prove_equation
from backproof.proofs.rationals import on_numbers

ALL = ["W1", "b1", "w2", "b2"]
FIRST = ["W1", "b1"]  # what lies behind dZ
NETWORKS = ["two_layer_linear", "two_layer_nonlinear"]
W1_FOR_W2 = "W1.sum(axis=1, keepdims=True).T"
REGRESSIONS = ["univariate", "multivariate"]
SIGMA, DELTA = "* A * (1 - A)", "2 * (y_hat - y) / m"
LAST_LINE = "return backward(X, y, w2, y_hat, {}, m=X.shape[1])"


@pytest.fixture
def mutant(tmp_path):
    """A model whose file has each `old` replaced by its `new`, read from disk as the shipped ones are."""
    serial = itertools.count()

    def make(name, *edits):
        text = inspect.getsource(inspect.getmodule(MODELS[name].gradients))
        for old, new in zip(edits[::2], edits[1::2], strict=True):
            assert text.count(old) == 1, f"{old!r} occurs {text.count(old)} times in {name}"
            text = text.replace(old, new)
        folder = tmp_path / str(next(serial))
        folder.mkdir()
        (folder / f"{name}.py").write_text(text)
        spec = importlib.util.spec_from_file_location(name, folder / f"{name}.py")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return Model.from_module(module)

    return make


DELTAS = {
    "the 2 is missing": "(y_hat - y) / m",
    "1/m is missing (a sum for a mean)": "2 * (y_hat - y)",
    "1/m is there twice": "2 * (y_hat - y) / m / m",
    "the sign is wrong": "2 * (y - y_hat) / m",
    "a term is dropped: y": "2 * y_hat / m",
    "a term is dropped: y_hat": "-2 * y / m",
    "a sum for a difference": "2 * (y_hat + y) / m",
    "not differentiated": "(y_hat - y) ** 2 / m",
}

NETWORK_MUTANTS = [
    ("W1: zero", "W1=dZ @ X.T", "W1=0 * (dZ @ X.T)", ["W1"]),
    ("W1: half", "W1=dZ @ X.T", "W1=dZ @ X.T / 2", ["W1"]),
    ("W1: transposed", "W1=dZ @ X.T", "W1=X @ dZ.T", ["W1"]),
    # what raises leaves no gradient at all
    ("W1: not transposed", "W1=dZ @ X.T", "W1=dZ @ X", ALL),
    ("W1: averaged again", "W1=dZ @ X.T", "W1=dZ @ X.T / m", ["W1"]),
    ("W1: the count of features for that of examples", "W1=dZ @ X.T", "W1=dZ @ X.T * m / X.shape[0]", ["W1"]),
    ("b1: not reduced", "b1=dZ.sum(axis=1, keepdims=True)", "b1=dZ", ["b1"]),
    ("b1: reduced over the wrong axis", "b1=dZ.sum(axis=1, keepdims=True)", "b1=dZ.sum(axis=0, keepdims=True)", ["b1"]),
    ("b1: reduced over both axes", "b1=dZ.sum(axis=1, keepdims=True)", "b1=dZ.sum()", ["b1"]),
    ("b1: the axis lost", "b1=dZ.sum(axis=1, keepdims=True)", "b1=dZ.sum(axis=1)", ["b1"]),
    ("b1: a mean", "b1=dZ.sum(axis=1, keepdims=True)", "b1=dZ.sum(axis=1, keepdims=True) / m", ["b1"]),
    ("b1: without w2", "b1=dZ.sum(axis=1, keepdims=True)", "b1=0 * w2.T + dy_hat.sum(axis=1, keepdims=True)", ["b1"]),
    ("b2: not reduced", "b2=dy_hat.sum()", "b2=dy_hat", ["b2"]),
    ("b2: kept an axis", "b2=dy_hat.sum()", "b2=dy_hat.sum(axis=1)", ["b2"]),
    ("b2: a mean", "b2=dy_hat.sum()", "b2=dy_hat.sum() / m", ["b2"]),
    ("b2: zero", "b2=dy_hat.sum()", "b2=0 * dy_hat.sum()", ["b2"]),
    ("b2: the sign", "b2=dy_hat.sum()", "b2=-dy_hat.sum()", ["b2"]),
    ("b2: left out", "b2=dy_hat.sum(),", "", ["b2"]),
    ("w2 doubled in dZ", "w2.T @ dy_hat", "(2 * w2).T @ dy_hat", FIRST),
    ("w2 not transposed", "w2.T @ dy_hat", "w2 @ dy_hat", ALL),
]

LINEAR_MUTANTS = [
    ("w2: transposed", "w2=dy_hat @ Z.T", "w2=Z @ dy_hat.T", ["w2"]),
    ("w2: the sign", "w2=dy_hat @ Z.T", "w2=-(dy_hat @ Z.T)", ["w2"]),
    ("w2: Z squared", "w2=dy_hat @ Z.T", "w2=dy_hat @ (Z * Z).T", ["w2"]),
    ("w2: zero", "w2=dy_hat @ Z.T", "w2=0 * (dy_hat @ Z.T)", ["w2"]),
    ("Z without its bias", LAST_LINE.format("Z"), LAST_LINE.format("W1 @ X"), ["w2"]),
    (
        "W1 for w2",
        LAST_LINE.format("Z"),
        f"return backward(X, y, {W1_FOR_W2}, y_hat, Z, m=X.shape[1])",
        FIRST,
    ),
    ("w2 is stale", LAST_LINE.format("Z"), "return backward(X, y, w2 - 1, y_hat, Z, m=X.shape[1])", FIRST),
    ("y_hat is stale: no b2", LAST_LINE.format("Z"), "return backward(X, y, w2, y_hat - b2, Z, m=X.shape[1])", ALL),
    ("m is the features'", LAST_LINE.format("Z"), "return backward(X, y, w2, y_hat, Z, m=X.shape[0])", ALL),
]

SIGMOID_MUTANTS = [
    ("sigma' is missing", SIGMA, "", FIRST),
    ("sigma' = A", SIGMA, "* A", FIRST),
    ("sigma' = 1 - A", SIGMA, "* (1 - A)", FIRST),
    ("sigma' = A (1 + A)", SIGMA, "* A * (1 + A)", FIRST),
    ("sigma' = A (A - 1)", SIGMA, "* A * (A - 1)", FIRST),
    ("sigma' = 1 - A^2, that of tanh", SIGMA, "* (1 - A * A)", FIRST),
    ("sigma' twice", SIGMA, "* A * (1 - A) * A * (1 - A)", FIRST),
    ("sigma' at Z: A is Z", LAST_LINE.format("A"), LAST_LINE.format("W1 @ X + b1"), ["W1", "b1", "w2"]),
    ("sigma' at A: sigma applied again", LAST_LINE.format("A"), LAST_LINE.format("sigmoid(A, xp)"), ["W1", "b1", "w2"]),
    (
        "Z for A in dw2",
        LAST_LINE.format("A"),
        "right = backward(X, y, w2, y_hat, A, m=X.shape[1])\n"
        "    return {**right, 'w2': 2 * (y_hat - y) / X.shape[1] @ (W1 @ X + b1).T}",
        ["w2"],
    ),
    ("w2: transposed", "w2=dy_hat @ A.T", "w2=A @ dy_hat.T", ["w2"]),
    ("w2: sigma' in the wrong place", "w2=dy_hat @ A.T", "w2=dy_hat @ (A * (1 - A)).T", ["w2"]),
    ("b1: before sigma'", "b1=dZ.sum(axis=1, keepdims=True)", "b1=(w2.T @ dy_hat).sum(axis=1, keepdims=True)", ["b1"]),
    ("W1: before sigma'", "W1=dZ @ X.T", "W1=w2.T @ dy_hat @ X.T", ["W1"]),
    (
        "W1 for w2",
        LAST_LINE.format("A"),
        f"return backward(X, y, {W1_FOR_W2}, y_hat, A, m=X.shape[1])",
        FIRST,
    ),
    ("A is stale: no b1", LAST_LINE.format("A"), LAST_LINE.format("sigmoid(W1 @ X, xp)"), ["W1", "b1", "w2"]),
]

UNIVARIATE_MUTANTS = [
    ("w: y for x", "(dy_hat * x).sum()", "(dy_hat * y).sum()", ["w"]),
    ("w: without x", "(dy_hat * x).sum()", "dy_hat.sum()", ["w"]),
    ("w: x squared", "(dy_hat * x).sum()", "(dy_hat * x * x).sum()", ["w"]),
    ("w: not reduced", "(dy_hat * x).sum()", "dy_hat * x", ["w"]),
    ("w: a product of sums", "(dy_hat * x).sum()", "dy_hat.sum() * x.sum()", ["w"]),
    ("b: times x", "b=dy_hat.sum()", "b=(dy_hat * x).sum()", ["b"]),
    ("b: a name that is not there", "b=dy_hat.sum()", "b=w * dy_hat.sum()", ["w", "b"]),
]

MULTIVARIATE_MUTANTS = [
    ("w: transposed", "dy_hat @ X.T", "X @ dy_hat.T", ["w"]),
    ("w: summed over features", "dy_hat @ X.T", "(dy_hat * X).sum()", ["w"]),
    ("w: averaged over features", "dy_hat @ X.T", "dy_hat @ X.T / X.shape[0]", ["w"]),
    ("w: zero", "dy_hat @ X.T", "0 * (dy_hat @ X.T)", ["w"]),
    ("b: not reduced", "b=dy_hat.sum()", "b=dy_hat", ["b"]),
]

MUTANTS = [
    *((model, DELTA, new, list(MODELS[model].params), fault) for fault, new in DELTAS.items() for model in MODELS),
    *((model, *edit, fault) for fault, *edit in NETWORK_MUTANTS for model in NETWORKS),
    *(("two_layer_linear", *edit, fault) for fault, *edit in LINEAR_MUTANTS),
    *(("two_layer_nonlinear", *edit, fault) for fault, *edit in SIGMOID_MUTANTS),
    *(("univariate", *edit, fault) for fault, *edit in UNIVARIATE_MUTANTS),
    *(("multivariate", *edit, fault) for fault, *edit in MULTIVARIATE_MUTANTS),
]


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


def test_prove_prints_the_counterexample_and_exits_1(backproof, mutant, monkeypatch, tmp_path):
    monkeypatch.setitem(MODELS, "multivariate", mutant("multivariate", "dy_hat @ X.T", "2 * (dy_hat @ X.T)"))
    pages = [f"--{kind}={tmp_path / kind}" for kind in ("json", "markdown", "latex")]
    code, out, err = backproof("prove", "multivariate", *pages)
    assert (code, err) == (1, "")
    assert all(len(line) <= 80 for line in out.splitlines())
    for expected in ("REFUTED", "shape          n = 1, m = 1", "  X            [[", "PROVED", "1 of 2 equations"):
        assert expected in out
    wrong, right = json.loads((tmp_path / "json").read_text())["equations"]
    assert (wrong["proved"], right["proved"]) == (False, True)
    found = wrong["counterexample"]
    assert f"equation       w[1, 1]: {found['claimed']}" in out
    assert Fraction(found["claimed"]) == 2 * Fraction(found["derivative"]) != 0
    assert found["shape"] == {"n": 1, "m": 1}
    for kind in ("markdown", "latex"):
        assert "refuted" in (tmp_path / kind).read_text()
        assert "This step is wrong" in (tmp_path / kind).read_text()


def test_an_equation_without_counterexample_is_unproved_and_exits_1(backproof, mutant, monkeypatch):
    beyond = "2 * (y_hat - y) / m * (1 + (m - 1) * (m - 2) * (m - 3) * (m - 4))"
    monkeypatch.setitem(MODELS, "univariate", mutant("univariate", DELTA, beyond))
    code, out, _ = backproof("prove", "univariate")
    assert code == 1
    assert "UNPROVED       all shapes failed, no counterexample" in out
    assert "left over: " in out


def test_json_on_standard_output_is_alone_there(backproof):
    code, out, err = backproof("prove", "univariate", "--json", "-")
    assert (code, err) == (0, "")
    result = json.loads(out)
    assert {"model", "parameter", "statement", "proved", "counterexample", "seconds"} <= set(result["equations"][0])


def test_prove_prints_a_derivation_that_fits_the_terminal(backproof):
    code, out, err = backproof("prove", "univariate")
    assert (code, err) == (0, "")
    assert all(len(line) <= 80 for line in out.splitlines())
    assert "  chain rule     ∂L/∂w = Σ_j dy_hat[j] ∂y_hat[j]/∂w\n" in out
    assert "proved: 2 of 2 equations, 4 of 4 lemmas" in out


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (["bivariate"], "there is no model bivariate; choose among univariate, "),
        (["--latex", "nowhere/page.tex"], "nowhere/page.tex cannot be written: there is no folder"),
        (["--markdown", "-", "--json", "-"], "two results cannot both go to -; name another file"),
    ],
)
def test_the_users_errors_are_one_line_and_exit_2(backproof, argv, said):
    code, out, err = backproof("prove", *argv)
    assert (code, out) == (2, "")
    assert said in err
    assert len(err.splitlines()) == 1


def test_colour_is_for_those_who_want_it(backproof, monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    assert "\x1b[32m" in backproof("prove", "univariate")[1]
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b[" not in backproof("prove", "univariate")[1]
