"""The commands as a person runs them: output, exit codes, one-line errors, files whole or not at all."""

import json
import os
import signal
import subprocess
import sys
import time
import xml.etree.ElementTree as ET

import numpy as np
import pytest

from backproof.cli import main

QUICK = ["conform", "--backend", "numpy", "--cells", "quick"]


def test_conform_writes_json_and_junit_and_a_table(backproof, tmp_path):
    code, out, err = backproof(*QUICK, "--json", tmp_path / "r.json", "--junit", tmp_path / "r.xml")
    assert (code, err) == (0, "")
    assert "22 cells: 22 pass" in out
    assert all(len(line) <= 80 or " " not in line.strip() for line in out.splitlines())  # an id is never broken
    result = json.loads((tmp_path / "r.json").read_text())
    counts = {"pass": 22, "fail": 0, "inconclusive": 0, "skip": 0, "error": 0, "known_failures": 0}
    assert result["summary"] == counts
    assert result["partial"] is False
    assert result["environment"]["backends"]["numpy"]["version"] == np.__version__
    cell = next(
        c for c in result["cells"] if c["id"] == "two_layer_nonlinear-numpy:reference-float32-cpu-n3m7k5-normal"
    )
    assert cell["shape"] == {"n": 3, "m": 7, "k": 5}
    assert cell["series"] == "numpy:reference"
    assert list(cell["gradients"]) == ["W1", "b1", "w2", "b2"]
    for judged in [*cell["gradients"].values(), cell["loss"], cell["output"]]:
        assert judged["verdict"] == "pass"
        assert 0 <= judged["error"] <= judged["bound"] <= judged["rigorous_bound"]
        assert judged["headroom"] >= 1
        assert float(judged["expected"]) == pytest.approx(judged["actual"], abs=judged["bound"])
        assert float(judged["expected_radius"]) < 1e-30
    suite = ET.parse(tmp_path / "r.xml").getroot()
    assert (suite.get("tests"), suite.get("failures"), len(suite)) == ("22", "0", 22)


def test_json_to_standard_output_is_alone_there(capfd):
    with pytest.raises(SystemExit) as exited:
        main([*QUICK, "--backend", "tests.support.planted:chats", "--json", "-"])
    out, err = capfd.readouterr()
    assert exited.value.code == 0
    assert json.loads(out)["summary"]["pass"] == 30
    assert "30 pass" in err
    assert "chatter" in err


def test_a_failure_exits_1_and_names_tensor_index_and_numbers(backproof, tmp_path):
    code, out, _ = backproof(
        "conform",
        "--backend",
        "tests.support.planted:numpy_drop_two",
        "--cells",
        "quick",
        "--junit",
        tmp_path / "r.xml",
    )
    assert code == 1
    assert "FAIL\ntwo_layer_nonlinear-numpy-drop_two:reference-float64-cpu-n3m7k5-normal\n" in out
    assert "dW1, db1, dw2, db2: the error exceeds what rounding can make" in " ".join(out.split())
    assert "ACTUAL" in out
    assert "EXPECTED" in out
    suite = ET.parse(tmp_path / "r.xml").getroot()
    assert suite.get("failures") == "8"
    assert all("exceeds" in failure.get("message") for failure in suite.iter("failure"))


def test_skips_are_counted_apart_and_strict_minds_them(backproof):
    code, out, _ = backproof(*QUICK, "--device", "all")
    assert code == 0
    assert "22 pass, 22 skip" in out
    assert "numpy finds no cuda device here" in out
    assert backproof(*QUICK, "--device", "all", "--strict")[0] == 1


def test_backends_lists_what_is_installed(backproof, tmp_path):
    code, out, _ = backproof("backends", "--json", tmp_path / "b.json")
    assert code == 0
    listed = {b["name"]: b for b in json.loads((tmp_path / "b.json").read_text())["backends"]}
    assert list(listed) == ["numpy", "jax", "numba", "torch"]
    assert listed["jax"]["settings"]["x64"] == "on"
    assert listed["torch"]["series"][:5] == ["eager", "func", "compile", "manual", "fused"]
    assert "float32_matmul" in out


BAD = {
    "no command": ([], "the following arguments are required: COMMAND"),
    "unknown command": (["confirm"], "invalid choice: 'confirm'"),
    "unknown option": ([*QUICK, "--fast"], "unrecognized arguments: --fast"),
    "no abbreviations": ([*QUICK, "--juni", "x"], "unrecognized arguments"),
    "unknown backend": (
        ["conform", "--backend", "caffe"],
        "there is no backend caffe; registered are numpy, jax, numba, torch",
    ),
    "missing module": (
        ["conform", "--backend", "no_such:thing"],
        "backend no_such:thing: no module no_such; install it, or run where its file is",
    ),
    "missing attribute": (
        ["conform", "--backend", "backproof_numpy:nope"],
        "there is no nope in backproof_numpy; what looks like a backend there: backproof_numpy:backend",
    ),
    "nothing like it": (
        ["conform", "--backend", "math:nope"],
        "no nope in math; nothing there has evaluate and descend",
    ),
    "several at once": (["conform", "--backend", "numpy,torch"], "--backend names one, and may be given again"),
    "no option": (["conform", "numpy"], "arguments: numpy (what is to be run is named by --backend, --model,"),
    "another option of a command": (["prove", "univariate", "--x"], "see backproof prove --help"),
    "a page by another name": ([*QUICK, "--html", "x.txt"], "x.txt is no name for an HTML page; it must end in .html"),
    "no backend": (
        ["conform", "--backend", "tests.support.planted:not_a_backend"],
        "is no backend, it lacks name, version",
    ),
    "a path": (["conform", "--backend", "../mine.py:B"], "name it as module:attr, the module without .py or a path"),
    "only a colon": (["conform", "--backend", ":"], "name it as module:attr"),
    "a function": (["conform", "--backend", "tests.support.planted:numpy"], "is a function; name an instance, a class"),
    "one place for two": ([*QUICK, "--json", "r", "--junit", "r"], "two results cannot both go to r"),
    "no name": ([*QUICK, "--json", ""], "the name of a result file is empty"),
    "twice": (["conform", "--backend", "numpy", "--backend", "backproof_numpy:backend"], "both named numpy"),
    "unknown model": ([*QUICK, "--model", "resnet"], "there is no model resnet; there are univariate"),
    "unknown dtype": ([*QUICK, "--dtype", "int8"], "there is no dtype int8; there are float64"),
    "dtype not offered": ([*QUICK, "--dtype", "bfloat16"], "none of numpy offers bfloat16"),
    "unknown device": ([*QUICK, "--device", "tpu"], "there is no device tpu; there are cpu, cuda, all"),
    "no gpu": ([*QUICK, "--device", "cuda"], "no cuda device"),
    "unknown cells": (["conform", "--cells", "some"], "there is no set of cells some"),
    "bad seed": ([*QUICK, "--seed", "x"], "invalid whole number >= 0 value: 'x'"),
    "negative seed": ([*QUICK, "--seed=-1"], "invalid whole number >= 0 value: '-1'"),
    "no folder": ([*QUICK, "--json", "/no/such/folder/r.json"], "there is no folder /no/such/folder"),
    "a folder": ([*QUICK, "--json", "/"], "/ is a folder"),
    "descend what": (["descend", "resnet"], "there is no model resnet"),
    "explain a file": (["explain", "mine.py"], "a derivation's file is taken by backproof check and conform --model"),
    "check a model": (["check", "univariate"], "the four models are proved by backproof prove univariate"),
    "descend no data": (["descend", "multivariate", "--data", "no.csv"], "no.csv cannot be read: No such file"),
    "descend odd data": (["descend", "multivariate", "--data", "iris"], "data is 'diabetes', a .npz or a .csv file"),
    "descend no feature": (["descend", "univariate", "--feature", "age2"], "has no feature age2; it has age, sex, bmi"),
    "no steps": (["descend", "univariate", "--steps", "0"], "whole number >= 1"),
    "no rate": (["descend", "univariate", "--learning-rate", "-1"], "must be a positive number"),
    "divergence": (["descend", "multivariate", "--learning-rate", "1"], "it must be below 2/lambda_max = 0.2485"),
    "divergence of a network": (["descend", "two_layer_linear", "--learning-rate", "9"], "too large; try 2.25"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_mistake_is_one_line_on_standard_error_and_exit_code_2(case, backproof, tmp_path, monkeypatch):
    argv, message = BAD[case]
    code, out, err = backproof(*argv)
    assert (code, out) == (2, "")
    assert err.count("\n") == 1
    assert err.startswith("backproof")
    assert message in err


@pytest.mark.parametrize("command", ["", "conform", "descend", "explain", "backends"])
def test_help_has_an_example(command, backproof):
    code, out, _ = backproof(*command.split(), "--help")
    assert code == 0
    assert not command or f"example:\n  backproof {command}" in out


# As `python -m backproof`, where an interrupt is heard: what a shell starts in the background ignores it.
HEARS_INTERRUPTS = """
import runpy, signal
signal.signal(signal.SIGINT, signal.default_int_handler)
runpy.run_module("backproof", run_name="__main__", alter_sys=True)
"""


def run(*argv, program=("-m", "backproof"), **options):
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options}
    return subprocess.Popen([sys.executable, *program, *argv], text=True, **streams)


def test_an_interrupt_leaves_a_valid_partial_file(tmp_path):
    path = tmp_path / "r.json"
    hanging = tmp_path / "hanging"
    backends = ["--backend", "numpy", "--backend", "tests.support.planted:hangs"]
    environment = {**os.environ, "HANGS_MARK": str(hanging)}
    process = run("conform", *backends, "--json", str(path), env=environment, program=("-c", HEARS_INTERRUPTS))
    while not hanging.exists():
        time.sleep(0.1)
    time.sleep(1)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert err == "backproof: interrupted\n"
    result = json.loads(path.read_text())
    assert result["partial"] is True
    counts = result["summary"]
    assert counts["pass"] > 0
    assert counts["pass"] + counts["inconclusive"] == len(result["cells"])


def test_help_is_quick_and_imports_no_framework():
    heavy = "torch jax sympy flint sklearn rich"
    probe = f"import sys, backproof.cli; print([m for m in '{heavy}'.split() if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_nothing_is_left_where_writing_fails(tmp_path, backproof, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    code, _, err = backproof(*QUICK, "--json", tmp_path / "r.json")
    assert code == 2
    assert "No space left on device" in err
    assert list(tmp_path.iterdir()) == []


def test_links_are_followed_and_devices_left_alone(backproof, tmp_path):
    (tmp_path / "link").symlink_to(tmp_path / "target")
    os.mkfifo(tmp_path / "pipe")
    reader = subprocess.Popen(["cat", tmp_path / "pipe"], stdout=subprocess.PIPE, text=True)
    assert backproof(*QUICK, "--json", tmp_path / "link", "--junit", tmp_path / "pipe")[0] == 0
    assert json.loads((tmp_path / "target").read_text())["summary"]["pass"] == 22
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "pipe").is_fifo()
    assert reader.communicate(timeout=10)[0].startswith("<?xml")


def test_a_reader_that_goes_away_is_no_failure():
    process = run("conform", "--backend", "numpy")
    process.stdout.readline()
    process.stdout.close()
    with process:
        assert process.stderr.read() == ""
        assert process.wait(timeout=60) == 141


@pytest.mark.parametrize("command", ["conform --backend numpy --cells quick", "backends", "prove univariate"])
def test_a_full_disk_under_standard_output_is_one_line(command):
    with open("/dev/full", "w") as full:
        process = run(*command.split(), stdout=full)
        _, err = process.communicate(timeout=60)
    assert process.returncode == 2
    assert err.count("\n") == 1
    assert "standard output cannot be written" in err
