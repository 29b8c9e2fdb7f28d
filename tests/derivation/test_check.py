"""`backproof check` as a person, a machine, a test suite and a notebook meet it."""

import json
import math
import re
import subprocess
import sys

import pytest
from tests.support.derivations import GALLERY, LINEAR, NETWORK, exchanged, linear, network, written

from backproof import InputError, assert_derivation
from backproof.cli import main
from backproof.derivation import oracles
from backproof.derivation.check import check
from backproof.derivation.report import as_text

MODELS = sorted(NETWORK.parent.glob("*variate.py")) + sorted(NETWORK.parent.glob("two_layer_*.py"))
SLOPE = " * A * (1 - A)"


@pytest.fixture
def command(capsys, monkeypatch):
    """Run `backproof check` without the frameworks: exit code, standard output, standard error."""
    monkeypatch.setattr(oracles, "FRAMEWORKS", ())

    def run(*argv):
        with pytest.raises(SystemExit) as exited:
            main(["check", *map(str, argv)])
        out, err = capsys.readouterr()
        return exited.value.code or 0, out, err

    return run


@pytest.mark.parametrize("path", MODELS, ids=lambda path: path.stem)
def test_the_model_files_pass(path):
    assert len(MODELS) == 4
    result = check(str(path), oracles=False)
    assert result.verdict == "pass"
    for gradient in result.gradients.values():
        assert gradient.judgement.resolution < 1e-10
        assert gradient.weakness is None


def test_the_json_is_exact(command, tmp_path):
    code, out, _ = command(network(tmp_path, ("W1=dZ @ X.T", "W1=dZ @ X.T / 2")), "--json", tmp_path / "r.json")
    assert code == 1
    assert "FAIL" in out
    result = json.loads((tmp_path / "r.json").read_text())
    assert result["verdict"] == "fail"
    assert list(result["gradients"]) == ["W1", "b1", "w2", "b2"]
    wrong, right = result["gradients"]["W1"], result["gradients"]["b1"]
    assert (wrong["verdict"], right["verdict"]) == ("fail", "pass")
    assert wrong["diagnosis"] == {"kind": "factor", "text": "yours is 1/2 times the truth", "factor": "1/2"}
    assert right["diagnosis"] is None
    assert math.isclose(wrong["actual"], float(wrong["expected"]) / 2)
    assert math.isclose(wrong["error"], abs(wrong["actual"] - float(wrong["expected"])))
    assert 0 < wrong["bound"] < 1e-12 < 1e-3 < wrong["error"]
    assert len(wrong["worst_index"]) == 2
    assert isinstance(wrong["expected"], str)
    assert float(wrong["expected_radius"]) < 1e-40
    assert result["oracles"]["certified"]["status"] == "agrees"


def test_numbers_that_are_not_finite_are_strings(command, tmp_path):
    path = linear(tmp_path, ("b=delta.sum()", "b=delta.sum() * float('nan')"))
    code, out, err = command(path, "--json", "-")
    result = json.loads(out)
    assert code == 1
    assert result["gradients"]["b"]["actual"] == "nan"
    assert result["gradients"]["b"]["diagnosis"]["kind"] == "not-finite"
    assert "FAIL db" in err


def test_the_message_comes_in_order_and_in_80_columns(command, tmp_path):
    code, out, _ = command(network(tmp_path, (SLOPE, "")))
    assert code == 1
    assert "\x1b" not in out
    assert max(map(len, out.splitlines())) <= 80
    block = out[out.index("FAIL dW1") :]
    places = [
        block.index(w) for w in ("(7, 2)", "float64", "worst index", "yours", "truth", "+/-", "ratio", "cause", "line")
    ]
    assert places == sorted(places)
    assert "shape (7, 2)  float64  at n = 2, m = 5, k = 7" in block


def test_a_kink_is_inconclusive_with_3(command, tmp_path):
    source = (
        GALLERY / "relu_layer.py"
    ).read_text() + "\n\ndef sample(rng, k):\n    return dict(W=0 * W0(rng, k), b=np.zeros((k, 1)))\n"
    source = (
        source.replace("W=0 * W0(rng, k), ", "")
        .replace("sample(rng, k)", "sample(rng, n, m, k)")
        .replace("return dict(b=", "return dict(X=np.zeros((n, m)), b=")
    )
    code, out, _ = command(written(tmp_path, source))
    assert code == 3
    assert "kink" in out.replace("\n", " ")


WEAK = ("delta.sum()", "(delta + 1e6).sum() - 1e6 * m")


def test_a_right_gradient_in_a_weak_form_passes_and_is_told(command, tmp_path):
    code, out, _ = command(linear(tmp_path, WEAK))
    assert code == 0
    assert "digits to rounding at these inputs" in " ".join(out.split())


@pytest.mark.parametrize("fault", ["1e-9 * delta.size * b", "1e-12 * w.sum()"])
def test_a_mistake_far_smaller_than_float32_sees_still_fails(fault, tmp_path):
    assert check(linear(tmp_path, ("delta.sum()", f"delta.sum() + {fault}")), oracles=False).verdict == "fail"


def test_a_mistake_that_vanishes_at_one_shape_fails(tmp_path):
    for size in (2, 3, 7, 8):
        path = linear(tmp_path, ("delta.sum()", f"delta.sum() * m / {size}"))
        result = check(path, oracles=False)
        assert result.gradients["b"].diagnosis.factor == f"m/{size}"


BAD = {
    "syntax": (LINEAR + "def (", "SyntaxError"),
    "raises when loaded": (LINEAR + "1 / 0\n", "ZeroDivisionError"),
    "exits when loaded": (LINEAR + "import os; os._exit(7)\n", "exit code 7"),
    "no loss": (exchanged(LINEAR, ("def loss", "def lost")), "no `loss`"),
    "no shapes": (exchanged(LINEAR, ("shapes =", "shape =")), "no `shapes`"),
    "loss is no function": (LINEAR + "loss = 3\n", "`loss` is a int"),
    "wrong argument": (exchanged(LINEAR, ("gradients(X, y, w, b)", "gradients(X, z, w, b)")), "takes z"),
    "no namespace": (exchanged(LINEAR, ("loss(xp, X", "loss(X")), "array namespace first"),
    "unknown parameter": (exchanged(LINEAR, ('["w", "b"]', '["w", "v"]')), "params names v"),
    "bad axis": (exchanged(LINEAR, ('"n m"', '"n-1 m"')), "axis 'n-1'"),
    "no scalar": (exchanged(LINEAR, ("xp.mean((w @ X + b - y) ** 2)", "w @ X")), "must return a scalar"),
    "random loss": (
        exchanged(LINEAR, ("return xp.mean(", "import random\n    return random.random() * xp.mean(")),
        "not deterministic",
    ),
    "random gradients": (exchanged(LINEAR, ("delta.sum()", "__import__('random').random()")), "not deterministic"),
    "NumPy in the loss": (exchanged(LINEAR, ("xp.mean(", "__import__('numpy').exp(")), "namespace's own"),
    "gradients raises": (exchanged(LINEAR, ("m = X.shape[1]", "m = X.shape[9]")), "IndexError"),
    "gradients returns a tuple": (
        exchanged(LINEAR, ("return dict(w=delta @ X.T, b=delta.sum())", "return 1, 2")),
        "a tuple",
    ),
    "endless": (
        exchanged(LINEAR, ("m = X.shape[1]", "m = X.shape[1]\n    while True: pass")),
        "does not end within 1 s",
    ),
    "sample of wrong shape": (
        LINEAR + "def sample(rng, n, m):\n    return dict(X=rng.random((m, n)))\n",
        "sample returns X",
    ),
    "shapes clash": (exchanged(LINEAR, ("w @ X", "X @ w")), "matmul"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_one_clear_line_and_2(name, command, tmp_path):
    source, said = BAD[name]
    code, out, err = command(written(tmp_path, source), "--time-limit", 1 if name == "endless" else 30)
    assert (code, out) == (2, "")
    assert said in err
    assert err.startswith("backproof: ")
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("path", "said"), [("absent.py", "no such file"), (".", "is a folder"), ("README.md", "must end in .py")]
)
def test_a_path_that_is_no_derivation_is_one_clear_line(path, said, command):
    code, _, err = command(path)
    assert (code, err.count("\n")) == (2, 1)
    assert said in err


def test_output_that_cannot_be_written_is_told_before_the_work(command):
    code, _, err = command(NETWORK, "--json", "/nonexistent/r.json")
    assert (code, "cannot be written" in err) == (2, True)


def test_sample_is_respected(tmp_path):
    """Labels 0 and 1: with normals the equation below would be wrong, since y^2 is not y."""
    source = exchanged(LINEAR, ("(w @ X + b - y)", "(w @ X + b - y)"), ("b - y) ** 2", "b - y**2) ** 2"))
    assert check(written(tmp_path, source), oracles=False).verdict == "fail"
    source += "\ndef sample(rng, n, m):\n    return dict(y=rng.integers(0, 2, (1, m)))\n"
    assert check(written(tmp_path, source), oracles=False).verdict == "pass"


def test_the_assertion_gives_the_report(tmp_path):
    assert assert_derivation(NETWORK).verdict == "pass"
    with pytest.raises(AssertionError, match=r"FAIL dW1[\s\S]*missing-derivative"):
        assert_derivation(network(tmp_path, (SLOPE, "")))
    with pytest.raises(InputError, match="no such file"):
        assert_derivation("absent.py")


def test_a_notebook_shows_the_same_table(tmp_path):
    html = check(linear(tmp_path, ("2 / m", "1 / m")), oracles=False)._repr_html_()
    assert html.startswith("<pre>")
    assert "factor 1/2" in html
    assert "yours" in html


def test_importing_backproof_imports_no_framework_and_no_flint():
    code = "import sys, backproof; print([m for m in ('torch', 'jax', 'flint', 'rich', 'sympy') if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


@pytest.mark.parametrize("path", [NETWORK, GALLERY / "layer_norm.py"], ids=lambda path: path.stem)
def test_frameworks_and_complex_step_agree(path):
    result = check(str(path), oracles=True)
    status = {name: answer["status"] for name, answer in result.oracles.items()}
    assert status["certified"] == status["complex step"] == "agrees"
    for name in ("torch", "jax"):  # on a busy machine they may come too late
        assert status[name] == "agrees" or result.oracles[name]["reason"] == "not ready in time"


def test_a_missing_framework_is_named(monkeypatch):
    monkeypatch.setattr(oracles, "find_spec", lambda name: None)
    result = check(str(NETWORK))
    assert result.oracles["torch"] == {"status": "missing", "reason": "torch is not installed"}


def test_second_opinions_are_on_the_truth_not_on_the_gradients(monkeypatch, tmp_path):
    monkeypatch.setattr(oracles, "FRAMEWORKS", ())
    wrong = linear(tmp_path, ("2 / m", "1 / m"))
    text = " ".join(as_text(check(wrong)).split())  # wherever a line is broken
    assert re.search(
        r"truth: certified to \d\d digits on 5 samples; second opinions on it: complex step agrees FAIL", text
    )
    text = " ".join(as_text(check(wrong, oracles=False)).split())
    assert re.search(r"truth: certified to \d\d digits on 5 samples FAIL", text)


def test_an_oracle_that_disagrees_is_reported(monkeypatch, tmp_path):
    monkeypatch.setattr(oracles, "FRAMEWORKS", ())
    trick = "    return xp.mean((w @ X + b - y) ** 2) * (1 if type(w).__name__ == 'Node' else 2)\n"
    source = exchanged(LINEAR, ("    return xp.mean((w @ X + b - y) ** 2)\n", trick))
    result = check(written(tmp_path, source))
    assert result.verdict == "pass"
    assert result.oracles["complex step"]["status"] == "disagrees"


@pytest.mark.parametrize(
    ("change", "verdict", "code"),
    [("", "inconclusive", 3), (" * (1 + 1e-4)", "fail", 1)],
)
def test_what_runs_in_float64_alone_is_not_failed_for_a_weak_form(change, verdict, code, command, tmp_path):
    """A right gradient that casts to float64 and loses six digits may be slightly wrong instead; a plain mistake is."""
    source = f"""
import numpy as np
shapes = dict(x="m", c="")
params = ["c"]

def loss(xp, x, c):
    return xp.sum(xp.exp(c * x))

def gradients(x, c):
    x, c = np.asarray(x, np.float64), np.float64(c)
    return dict(c=np.float64(np.sum(x * ((np.exp(c * x) + 1e6) - 1e6)){change}))
"""
    path = tmp_path / "weak.py"
    path.write_text(source)
    ended, out, _ = command(path, "--json", "-")
    result = json.loads(out)
    assert (ended, result["gradients"]["c"]["verdict"]) == (code, verdict)
