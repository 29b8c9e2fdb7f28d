"""The benchmarks: what is verified is published, what is not is not; ratios; the command and its errors."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from benchmarks.cells import Cell, arrays, floor, rate, work
from benchmarks.ratios import ratio, ratios
from benchmarks.verify import Expected

from backproof import MODELS
from backproof.core.errors import InputError
from backproof_numpy import NumpyLoops

ROOT = Path(__file__).parents[2]
SMALL = {"n": 4, "m": 32, "k": 8}


def cell(name, dtype="float32"):
    return Cell(name, tuple((letter, SMALL[letter]) for letter in MODELS[name].letters), dtype, "cpu")


def ends(asked, series, steps, factor=1):
    model, values = MODELS[asked.model], arrays(asked)
    params, data = {n: values[n] for n in model.params}, {n: values[n] for n in model.data}
    return NumpyLoops().descend(model, series, params, data, factor * rate(asked), steps)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", MODELS)
def test_right_steps_are_verified_and_wrong_ones_are_not(name, dtype):
    asked = cell(name, dtype)
    expected = Expected(asked, 4)
    verified, error, bound, _ = expected.check(ends(asked, "tiled", 4), moments=False)
    assert verified
    assert 0 <= error <= bound
    assert not expected.check(ends(asked, "tiled", 3), moments=False)[0]
    assert not expected.check(ends(asked, "tiled", 4, factor=1.5), moments=False)[0]
    spoiled = ends(asked, "tiled", 4)
    last = MODELS[name].params[0]
    spoiled[last] = spoiled[last] * np.asarray(1.1, dtype)
    assert not expected.check(spoiled, moments=False)[0]
    wide = {n: np.asarray(p, "longdouble") for n, p in ends(asked, "tiled", 4).items()}
    assert not expected.check(wide, moments=False)[0]
    if name != "two_layer_nonlinear":
        assert expected.check(ends(asked, "moments", 4), moments=True)[0]


def test_the_floor_is_the_larger_of_arithmetic_and_reading():
    ceilings = {"gemm_flops_per_s": 1e11, "read_bytes_per_s": 1e10, "exp_per_s": 1e9}
    large = Cell("two_layer_nonlinear", (("n", 256), ("m", 65536), ("k", 256)), "float32", "cpu")
    assert work(large)["flops"] == 4 * 256 * 65536 * 256
    assert floor(large, ceilings) == (pytest.approx(17.18 / 100 + 0.0168, rel=1e-3), "gemm")
    line = Cell("univariate", (("m", 2**25),), "float64", "cpu")
    assert floor(line, ceilings) == (pytest.approx(2 * 8 * 2**25 / 1e10), "bandwidth")
    assert floor(cell("univariate"), ceilings)[1] == "dispatch"


def result(series, samples, **changed):
    told = {
        "series": series,
        "cell": "c",
        "model": "m",
        "shape": {},
        "dtype": "float32",
        "device": "cpu",
        "products": None,
        "threads": 2,
    }
    return told | {"samples": samples, "median": float(np.median(samples)), "verified": True} | changed


def test_a_ratio_has_an_interval_and_is_refused_across_unlike_settings():
    ours, peer = result("numpy:tiled", [1.0, 1.1, 0.9]), result("jax:jit", [2.0, 2.2, 1.8])
    found = ratio(ours, peer)
    assert found["ratio"] == pytest.approx(2)
    assert found["interval"][0] <= 2 <= found["interval"][1]
    for key, other in {"dtype": "float64", "threads": 1, "device": "cuda", "products": "tf32"}.items():
        with pytest.raises(InputError, match=f"{key} differs"):
            ratio(ours, peer | {key: other})


def test_moments_and_what_is_not_verified_enter_no_ratio():
    timed = [
        result("numpy:moments", [0.1]),
        result("numpy:tiled", [1.0]),
        result("numpy:reference", [0.5], verified=False),
        result("jax:loop", [2.0]),
    ]
    assert [(r["best"], r["peer"], r["ratio"]) for r in ratios(timed)] == [("numpy:tiled", "jax:loop", 2.0)]


def command(*options):
    line = [sys.executable, "-m", "benchmarks", *options]
    return subprocess.run(line, cwd=ROOT, capture_output=True, text=True, check=False)


def test_the_command_writes_what_the_design_says():
    ended = command(
        "--model", "univariate", "--series", "numpy:reference", "--series", "numpy:moments", "--shape", "1,64,1",
        "--dtype", "float64", "--budget", "2", "--json", "-",
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr
    told = json.loads(ended.stdout)
    assert set(told) >= {"environment", "ceilings", "noise", "results", "ratios"}
    assert set(told["ceilings"]["float64"]) == {"gemm_flops_per_s", "read_bytes_per_s", "exp_per_s"}
    reference, moments = told["results"]
    keys = "model series dtype device shape samples median floor efficiency binds compile_seconds verified error bound"
    assert set(reference) >= set(keys.split())
    assert reference["series"] == "numpy:reference"
    assert reference["verified"] is True
    assert len(reference["samples"]) >= 3
    assert reference["shape"] == {"n": None, "m": 64, "k": None}
    assert moments["floor"] is None


def derivation(tmp_path, hand="w=delta @ X.T, b=delta.sum()"):
    file = tmp_path / "mine.py"
    file.write_text(
        f"""
shapes = dict(X="d m", y="1 m", w="1 d", b="")
params = ["w", "b"]

def loss(xp, X, y, w, b):
    return xp.mean((w @ X + b - y) ** 2)

def gradients(X, y, w, b):
    delta = 2 / X.shape[1] * (w @ X + b - y)
    return dict({hand})
""",
        encoding="utf-8",
    )
    return str(file)


def test_a_users_derivation_is_timed_by_hand_and_by_autodiff_and_verified(tmp_path):
    ended = command(
        "--model", derivation(tmp_path), "--series", "numpy:reference", "--series", "jax:loop", "--dtype", "float64",
        "--shape", "d=4,m=4096", "--budget", "2", "--json", "-",
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr
    told = json.loads(ended.stdout)
    assert {r["series"]: r["verified"] for r in told["results"]} == {"numpy:reference": True, "jax:loop": True}
    assert told["results"][0]["model"] == "mine.py"
    assert told["results"][0]["shape"] == {"n": None, "m": 4096, "k": None, "d": 4}
    assert [(r["best"], r["peer"]) for r in told["ratios"]] == [("numpy:reference", "jax:loop")]


def test_a_users_wrong_derivation_has_no_time(tmp_path):
    wrong = derivation(tmp_path, hand="w=1.001 * delta @ X.T, b=delta.sum()")
    options = ("--series", "numpy:reference", "--dtype", "float64", "--shape", "d=4,m=64", "--budget", "2")
    ended = command("--model", wrong, *options)
    assert ended.returncode == 1, ended.stderr
    assert "not verified: mine.py m=64,d=4 float64 cpu: numpy:reference: w after 3 steps" in ended.stdout


def test_a_users_derivation_at_fault_is_one_line(tmp_path):
    file = derivation(tmp_path)
    for options, message in {
        ("--model", file, "--shape", "4,64,1"): "--shape has no d, which",
        ("--model", file, "--shape", "d=512,m=1024"): "its steps can be verified up to",
        ("--model", str(tmp_path / "none.py")): "none.py",
    }.items():
        ended = command(*options, "--series", "numpy:reference", "--budget", "2")
        assert ended.returncode == 2, ended.stderr
        assert message in ended.stderr
        assert len(ended.stderr.splitlines()) == 1, ended.stderr


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--model", "resnet"], "there is no model resnet"),
        (["--dtype", "int8"], "--dtype is int8"),
        (["--shape", "4,x,8"], "--shape is '4,x,8'"),
        (["--device", "tpu"], "--device is tpu"),
        (["--device", "cuda", "--series", "numpy:tiled"], "no cuda device: none of numpy finds one here"),
        (["--budget", "0"], "--budget is 0"),
        (["--json", "no/such/folder/x"], "cannot be written"),
        (["--series", "numpy:fast"], "there is no series numpy:fast"),
    ],
)
def test_a_mistake_is_one_line_and_exit_code_2(options, message):
    ended = command(*options)
    assert ended.returncode == 2
    assert message in ended.stderr
    assert len(ended.stderr.splitlines()) == 1
