"""`backproof prove` as a command: what it prints, its exit codes, its errors."""

import json
from fractions import Fraction

import pytest

from backproof import MODELS

DELTA = "2 * (y_hat - y) / m"


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
    assert "  NOT PROVED     all shapes: left over: " in out
    assert "REFUTED" not in out


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
    assert "  provided       m != 0\n" in out
    assert "proved: 2 of 2 equations, 4 of 4 lemmas" in out


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (["bivariate"], "there is no model bivariate; there are univariate, "),
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
