"""The one rule for a user's gradients: what is wrong fails in any precision's disguise, what is right passes."""

import json
import re

import numpy as np
import pytest
from flint import arb
from tests.support.derivations import written
from tests.support.rounding_cases import DIFFERENCES, LOSSY, RIGHT, WRONG, gated, offset

from backproof.derivation import evidence
from backproof.derivation.check import check
from backproof.truth.balls import balls
from backproof.truth.quantities import Quantity
from backproof.verdicts.gradients import judge_gradients
from backproof.verdicts.judgement import Judgement, Verdict, judge
from backproof.verdicts.ladder import Cause, cause
from backproof.verdicts.residual import Residual, residual

U = {p: float(np.finfo(p).eps) for p in ("float32", "float64", "longdouble")}


@pytest.mark.parametrize("case", WRONG)
def test_what_is_wrong_in_float64_fails(case, tmp_path):
    result = check(written(tmp_path, WRONG[case]), oracles=False)
    assert result.verdict == "fail"
    for gradient in result.gradients.values():
        assert gradient.diagnosis is None or gradient.diagnosis.factor != "1"


@pytest.mark.parametrize("case", DIFFERENCES)
def test_finite_differences_are_no_rounding(case, tmp_path):
    """Steps at which the truncation is beyond float64's bound fail; below it, the gradient is still not the truth."""
    below = case in ("1e-8, central", "np.sqrt(np.finfo(x.dtype).eps), central")
    result = check(written(tmp_path, DIFFERENCES[case]), oracles=False)
    assert result.verdict == ("inconclusive" if below else "fail")


@pytest.mark.parametrize("case", RIGHT)
def test_what_is_right_passes_in_a_form_that_loses_digits(case, tmp_path):
    result = check(written(tmp_path, RIGHT[case]), oracles=False)
    assert result.verdict == "pass"
    if case != "softmax without its maximum":  # which loses none
        assert any("digit" in (g.weakness or "") for g in result.gradients.values())


def test_conform_says_of_them_what_check_says(backproof, tmp_path):
    models = [f"--model={written(tmp_path, source, f'right{i}.py')}" for i, source in enumerate(RIGHT.values())]
    models += [f"--model={written(tmp_path, source, f'wrong{i}.py')}" for i, source in enumerate(WRONG.values())]
    asked = ("--backend", "numpy", "--cells", "quick", "--dtype", "float64", "--json", tmp_path / "r.json")
    assert backproof("conform", *models, *asked)[0] == 1
    cells = json.loads((tmp_path / "r.json").read_text())["cells"]
    assert len(cells) == len(models)
    assert {c["model"]: c["verdict"] for c in cells if c["model"].startswith("right")} == {
        f"right{i}.py": "pass" for i in range(len(RIGHT))
    }
    assert {c["verdict"] for c in cells if c["model"].startswith("wrong")} == {"fail"}


def test_a_right_form_that_overflows_or_loses_every_digit_elsewhere_does_not_fail(backproof, tmp_path):
    """In every default cell, float16 among them, where 1e6 is infinite, and at data that exp is too large for."""
    for name in ("a large offset", "softmax without its maximum"):
        path = written(tmp_path, RIGHT[name])
        code, _, _ = backproof("conform", "--model", path, "--backend", "numpy", "--json", tmp_path / "r.json")
        assert code == 0
        cells = json.loads((tmp_path / "r.json").read_text())["cells"]
        assert {c["verdict"] for c in cells if c["dtype"] == "float64" and "1e" not in c["regime"]} == {"pass"}
        said = {c["reason"].partition(": ")[2] for c in cells if c["verdict"] == "inconclusive"}
        assert any("overflows in" in reason for reason in said)


def test_a_fault_of_float32_alone_fails_there(backproof, tmp_path):
    path = written(tmp_path, gated("X.dtype == np.float32", "(1 + 1e-4)"))
    assert backproof("conform", "--model", path, "--backend", "numpy", "--json", tmp_path / "r.json")[0] == 1
    cells = json.loads((tmp_path / "r.json").read_text())["cells"]
    verdicts = {(c["regime"], c["dtype"]): c["verdict"] for c in cells if c["shape"]["m"] == 7}
    for regime in ("normal", "steps5", "strided"):
        assert (verdicts[regime, "float64"], verdicts[regime, "float32"]) == ("pass", "fail")


def test_a_fault_of_long_doubles_alone_is_not_what_float64_runs(tmp_path):
    assert check(written(tmp_path, gated("X.dtype == np.longdouble")), oracles=False).verdict == "pass"


@pytest.mark.parametrize("size", ["1e-13", "1e-12", "1e-11", "1e-9", "1e-7"])
def test_a_factor_of_1_is_no_cause(size, tmp_path):
    for wrong in (gated("True", f"(1 + {size})"), offset(f"delta.sum() * (1 + {size})")):
        found = check(written(tmp_path, wrong), oracles=False).gradients["b"].diagnosis
        assert found.factor != "1"
        assert not re.search(r"\b(is|counts|times) -?1( |$|,|;)", found.text)


def test_a_function_that_is_slow_to_follow_is_judged_by_the_ladder(monkeypatch, tmp_path):
    """The time runs out in the exact run alone, and costs neither the process nor the verdict."""
    slow = "for _ in range(10_000): X = X + 0\n    delta = 2 / m * (w @ X + b - y)"
    monkeypatch.setattr(evidence, "EXACT_SECONDS", 0.1)
    for b, verdict in ((LOSSY, "pass"), (LOSSY + " + 1e-3", "fail")):
        result = check(written(tmp_path, offset(b, slow)), oracles=False)
        assert result.gradients["b"].verdict == verdict


def test_no_digit_left_is_no_pass(tmp_path):
    result = check(written(tmp_path, offset("(delta + 1e18).sum() - 1e18 * m")), oracles=False)
    assert result.gradients["b"].verdict == "inconclusive"
    assert "loses every digit" in result.gradients["b"].reason


@pytest.mark.parametrize(
    ("errors", "found"),
    [
        ({p: 30 * u for p, u in U.items()}, Cause.ROUNDING),
        ({"float32": 30 * U["float32"], "float64": 700 * U["float64"]}, Cause.ROUNDING),
        (dict.fromkeys(U, 1e-3), Cause.MISTAKE),
        ({"float32": 1e-7, "float64": 1e-3, "longdouble": 1e-19}, Cause.MISTAKE),  # grows with the precision
        ({"float32": 0.9, "float64": 1.0, "longdouble": 1e-19}, Cause.MISTAKE),
        ({"float64": 1e-3, "longdouble": 1e-3}, Cause.MISTAKE),
        ({"float64": 1e-10, "longdouble": 1e-19}, Cause.UNKNOWN),  # gone at one precision: no condition number
        ({"float32": 1e-2, "float64": 1e-11, "longdouble": 1e-11}, Cause.UNKNOWN),  # a constant of Python's?
        ({"float32": 1e-7, "float64": 1e-10, "longdouble": 1e-13}, Cause.UNKNOWN),  # shrinks, but more slowly than u
        ({"float64": 0.5, "longdouble": 0.5 * U["longdouble"] / U["float64"]}, Cause.UNKNOWN),  # nothing is left
        ({"float64": 1.0}, Cause.UNKNOWN),
        ({"float64": float("inf"), "longdouble": 1e-19}, Cause.UNKNOWN),
        ({}, Cause.UNKNOWN),
    ],
)
def test_the_ladder_compares_all_precisions(errors, found):
    assert cause(errors, "float64", 1.0) is found


@pytest.mark.parametrize(
    ("exact", "left"),
    [
        (arb(1), Residual.NONE),
        (arb(1, 1e-9), Residual.NONE),
        (arb(1, 1e-3), Residual.UNKNOWN),  # the function's constants explain anything
        (arb(1 + 1e-9, 1e-13), Residual.BEYOND),
        (arb(1 + 1e-9, 9e-10), Residual.UNKNOWN),  # its constants may have lost a little more than was allowed for
        (arb(1 + 2.0**-40, 0), Residual.SMALL),
        (arb("nan"), Residual.UNKNOWN),
    ],
)
def test_what_an_exact_value_leaves_of_the_truth(exact, left):
    bound = np.array([1e-12])
    assert residual(np.array([exact], object), Quantity(balls([1.0]), bound, bound)) is left


class Runs:
    """Evidence that was written down."""

    def __init__(self, exact=None, errors=None):
        self.known, self.ladder, self.asked = exact or {}, errors or {}, []

    def exact(self, bits):
        self.asked.append(bits)
        return {name: np.array([ball], object) for name, ball in self.known.items()}

    def errors(self):
        self.asked.append("errors")
        return self.ladder


def judged(actual):
    quantity = Quantity(balls([1.0]), np.array([1e-15]), np.array([1e-15]))
    return {"w": judge(np.array([actual]), "float64", quantity, "float64")}, {"w": quantity}


@pytest.mark.parametrize(
    ("actual", "runs", "given", "verdict", "asked"),
    [
        (1.0, Runs(), True, Verdict.PASS, []),
        (1 + 1e-9, Runs({"w": arb(1)}), True, Verdict.PASS, [512]),
        (1 + 1e-9, Runs({"w": arb(1 + 1e-9)}), True, Verdict.FAIL, [512]),
        (1 + 1e-9, Runs({"w": arb(1 + 2.0**-52)}), True, Verdict.INCONCLUSIVE, [512]),
        (2.0, Runs({"w": arb(1)}), True, Verdict.INCONCLUSIVE, [512]),
        (1 + 1e-9, Runs(errors={"w": {"float32": 1.0}}), True, Verdict.INCONCLUSIVE, [512, "errors"]),
        (1 + 1e-9, Runs(errors={"w": {"float32": 0.1}}), True, Verdict.PASS, [512, "errors"]),
        (2.0, Runs(errors={"w": {"float32": 1e-7}}), True, Verdict.FAIL, [512, "errors"]),
        (2.0, Runs(errors={"w": {"longdouble": 1e-19}}), True, Verdict.FAIL, [512, "errors"]),
        (np.inf, Runs({"w": arb(1)}), True, Verdict.FAIL, [512, 4096]),
        (np.inf, Runs({"w": arb(1)}), False, Verdict.INCONCLUSIVE, [512]),
        (np.inf, Runs({"w": arb(2)}), False, Verdict.FAIL, [512, 4096]),
        (np.inf, Runs(), False, Verdict.FAIL, [512]),
    ],
)
def test_an_error_is_explained_or_it_does_not_pass(actual, runs, given, verdict, asked):
    gradients, quantities = judged(actual)
    found = judge_gradients(gradients, quantities, runs, "float64", given)["w"]
    assert isinstance(found, Judgement)
    assert found.verdict is verdict
    assert runs.asked == asked
