"""A user's derivation in the matrix (`conform --model FILE.py`): who runs it, what judges it, whose fault is what."""

import json
from pathlib import Path

import pytest
from tests.support.derivations import GALLERY, LINEAR, NETWORK, exchanged, linear, written

from backproof.conformance import user_model

HAND = ["--backend", "numpy", "--dtype", "float64", "--cells", "quick"]


def run(backproof, tmp_path, *argv):
    """Exit code, output, and the cells by id, of `conform --json`."""
    code, out, err = backproof("conform", *argv, "--json", tmp_path / "r.json")
    result = json.loads((tmp_path / "r.json").read_text()) if (tmp_path / "r.json").exists() else {}
    return code, out + err, result


def test_every_backend_runs_it_its_own_way_or_does_not_offer_it(backproof, tmp_path):
    """By hand on NumPy, by autodiff of its loss on PyTorch and JAX; labels stay one-hot in every regime."""
    code, out, result = run(backproof, tmp_path, "--model", GALLERY / "softmax_cross_entropy.py")
    assert code == 0
    series = {"numpy:reference", "torch:eager", "torch:func", "jax:jit", "jax:loop"}
    assert {cell["series"] for cell in result["cells"]} == series
    assert {cell["model"] for cell in result["cells"]} == {"softmax_cross_entropy.py"}
    assert {cell["verdict"] for cell in result["cells"]} == {"pass", "inconclusive"}
    regimes = {"params1e4", "params1e-4", "data1e4", "strided", "repeated", "steps5", "steps3-strided", "sample2"}
    assert regimes < {cell["regime"] for cell in result["cells"]}
    of_dtype = {cell["dtype"] for cell in result["cells"] if cell["backend"] == "torch"}
    assert of_dtype == {"float64", "float32", "bfloat16", "float16"}
    judged = next(c for c in result["cells"] if c["id"].endswith("torch:eager-float32-cpu-n3m7k5-normal"))
    assert list(judged["gradients"]) == ["W", "b"]
    assert all(0 <= j["error"] <= j["bound"] for j in (*judged["gradients"].values(), judged["loss"]))
    assert judged["output"] is None
    missing = {(gap["backend"], gap["series"]) for gap in result["not_offered"] if gap["model"]}
    assert {("numba", None), ("numpy", "tiled"), ("torch", "compile"), ("jax", "manual")} < missing
    nothing = {"series": None, "model": None, "device": None}
    assert nothing | {"backend": "numpy", "dtype": "bfloat16"} in result["not_offered"]
    assert "│ numba   │ not offered" in out
    assert "not offered by numba: bfloat16, float16, softmax_cross_entropy.py" in out


def test_a_mistake_fails_by_hand_and_in_no_autodiff(backproof, tmp_path):
    path = linear(tmp_path, ("2 / m", "1 / m"))
    both = ["--backend", "numpy", "--backend", "torch", "--cells", "quick"]
    code, out, result = run(backproof, tmp_path, "--model", path, *both)
    assert code == 1
    verdicts = {(cell["backend"], cell["verdict"]) for cell in result["cells"]}
    assert verdicts == {("numpy", "fail"), ("torch", "pass")}
    assert "dw, db: the function's exact value differs from the truth: a mistake, not rounding" in " ".join(out.split())


def test_a_mistake_shows_in_the_descent(backproof, tmp_path):
    code, _, result = run(backproof, tmp_path, "--model", linear(tmp_path, ("2 / m", "1 / m")), *HAND[:-2])
    assert code == 1
    assert [cell["verdict"] for cell in result["cells"] if "steps" in cell["regime"]] == ["fail", "fail"]


def test_a_right_derivation_in_a_weak_form_is_rounding_and_no_failure(backproof, tmp_path):
    weak = linear(tmp_path, ("w=delta @ X.T", "w=(delta @ X.T + 2.0**20) - 2.0**20"))
    code, _, result = run(backproof, tmp_path, "--model", weak, *HAND[:-2])
    assert code == 0
    verdicts = {cell["regime"]: cell["verdict"] for cell in result["cells"]}
    assert verdicts["normal"] == verdicts["steps5"] == verdicts["steps3-strided"] == "pass"
    reasons = [cell["gradients"]["w"]["reason"] for cell in result["cells"] if cell["regime"] == "normal"]
    assert all("digits to rounding at these inputs" in reason for reason in reasons)


def test_the_models_own_files_are_derivations_too(backproof, tmp_path):
    """A file called as a model is built in stays apart from it; what it taps as y_hat is judged as its output."""
    both = ["--backend", "numpy", "--backend", "torch", "--cells", "quick"]
    code, _, result = run(backproof, tmp_path, "--model", NETWORK, "--model", "two_layer_nonlinear", *both)
    assert code == 0
    assert {c["model"] for c in result["cells"]} == {"two_layer_nonlinear.py", "two_layer_nonlinear"}
    assert all(c["output"]["verdict"] == "pass" for c in result["cells"])


def test_gradients_of_taps_may_come_along_and_nothing_else(backproof, tmp_path):
    assert run(backproof, tmp_path, "--model", GALLERY / "relu_layer.py", *HAND)[0] == 0
    path = linear(tmp_path, ("b=delta.sum()", "bb=delta.sum()"))
    code, out, _ = run(backproof, tmp_path, "--model", path, *HAND)
    assert code == 1
    assert "no gradient of b, bb is no parameter" in out


def test_a_gradient_of_another_dtype_fails(backproof, tmp_path):
    path = linear(tmp_path, ("delta.sum()", "delta.sum(dtype='float64')"))
    code, out, _ = run(backproof, tmp_path, "--model", path, *HAND, "--dtype", "float32")
    assert code == 1
    assert "db: dtype float64; it must be float32" in out


FAULTS = {
    "syntax": ("def loss(", "def loss((", "line 5: SyntaxError"),
    "import": ("shapes =", "1 / 0\nshapes =", "line 2, in <module>: ZeroDivisionError"),
    "no scalar": ("return xp.mean((w @ X + b - y) ** 2)", "return w @ X", "it must return a scalar"),
    "untraceable": ("xp.mean(", "xp.median(", "xp.median cannot be traced"),
    "raises": ("delta = 2", "raise OSError('no data')\n    delta = 2", "line 10, in gradients: OSError: no data"),
    "exits": ("delta = 2", "import os; os._exit(3)\n    delta = 2", "gradients ended its process (exit code 3)"),
    "never ends": ("delta = 2", "while True: pass\n    delta = 2", "gradients does not end within 1 s\n"),
    "axis": ('w="1 n"', 'w="1 n-1"', "w has the axis 'n-1'"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_file_at_fault_is_one_line_and_exit_code_2(fault, backproof, tmp_path, monkeypatch):
    monkeypatch.setattr(user_model, "SECONDS", 1.0 if fault == "never ends" else 10.0)
    old, new, message = FAULTS[fault]
    path = written(tmp_path, exchanged(LINEAR, (old, new)))
    code, out, err = backproof("conform", "--model", path, *HAND)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert err.startswith(f"backproof: {path}: ")
    assert message in err


@pytest.mark.parametrize(
    ("name", "message"),
    [("none.py", "none.py: no such file"), ("", " is a folder"), ("notes.txt", "its name must end in .py")],
)
def test_no_file(name, message, backproof, tmp_path):
    (tmp_path / "notes.txt").write_text("")
    code, _, err = backproof("conform", "--model", f"{tmp_path}/{name}", *HAND)
    assert (code, err.count("\n")) == (2, 1)
    assert message in err


def test_two_files_of_one_name(backproof, tmp_path):
    (tmp_path / "a").mkdir()
    paths = [written(tmp_path, LINEAR), written(tmp_path / "a", LINEAR)]
    code, _, err = backproof("conform", "--model", paths[0], "--model", paths[1], *HAND)
    assert code == 2
    assert "are both named mine.py; rename one" in err
    assert run(backproof, tmp_path, "--model", paths[0], "--model", paths[0], *HAND)[0] == 0


def test_what_crashes_in_one_precision_costs_its_own_cells(backproof, tmp_path):
    crash = "if X.dtype == 'float32': import os; os._exit(3)\n    m ="
    path = linear(tmp_path, ("m =", crash))
    code, out, result = run(backproof, tmp_path, "--model", path, "--backend", "numpy", "--cells", "quick")
    assert code == 1
    assert {cell["dtype"]: cell["verdict"] for cell in result["cells"]} == {"float64": "pass", "float32": "error"}
    assert "its process died (exit code 3)" in out


def test_nobody_offers_it(backproof):
    code, _, err = backproof("conform", "--model", GALLERY / "rnn.py", "--backend", "numba")
    assert code == 2
    assert "no cells: none of numba offers" in err


def test_a_result_is_not_resumed_for_a_file_that_changed(backproof, tmp_path):
    path = linear(tmp_path)
    assert run(backproof, tmp_path, "--model", path, *HAND)[0] == 0
    code, out, _ = backproof("conform", "--model", path, *HAND, "--resume", tmp_path / "r.json")
    assert (code, "\n0 of" in out) == (0, False)
    Path(path).write_text(Path(path).read_text() + "\n# changed\n")
    code, out, _ = backproof("conform", "--model", path, *HAND, "--resume", tmp_path / "r.json")
    assert (code, "\n0 of" in out) == (0, True)
    assert "--resume: mine.py changed since: " in out


def test_a_backend_says_what_its_series_run(backproof):
    code, _, err = backproof("conform", "--backend", "tests.support.planted:odd_derivations")
    assert code == 2
    assert "series reference: derivations is 'both'; it must be one of loss, gradients" in err
