"""What the benchmarks rest on and what stands beside them: extended precision, fits, the closed form, parts, plots."""

import json
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from benchmarks import closed_form, extended, least_squares, plots
from benchmarks.cells import Cell, arrays, rate
from benchmarks.exponents import exponent
from benchmarks.session import Run
from benchmarks.table import left_out, markdown

from backproof import MODELS
from backproof.truth.certify import certify

ROOT = Path(__file__).parents[2]
SMALL = {"n": 4, "m": 32, "k": 8}


def exact(value):
    return Fraction(*np.longdouble(value).as_integer_ratio())


@pytest.mark.skipif(not extended.WIDE, reason="longdouble is float64 here")
def test_extended_products_are_right_to_the_last_bits_of_longdouble():
    rng = np.random.default_rng(0)
    scale = np.ldexp(1.0, rng.integers(-40, 40, (60, 1)))
    left = (scale * rng.standard_normal((60, 70))).astype(np.longdouble) / 3  # more bits than float64 has
    right = rng.standard_normal((70, 50)).astype(np.longdouble) / 7
    found = left.view(extended.Extended) @ right.view(extended.Extended)
    for i, j in rng.integers(0, 50, (20, 2)):
        terms = [exact(a) * exact(b) for a, b in zip(left[i], right[:, j], strict=True)]
        largest = max(abs(exact(a)) for a in left[i]) * max(abs(exact(b)) for b in right[:, j])
        assert abs(exact(found[i, j]) - sum(terms)) <= len(terms) * 8 * largest * Fraction(1, 2**64)


@pytest.mark.skipif(not extended.WIDE, reason="longdouble is float64 here")
@pytest.mark.parametrize("name", MODELS)
def test_a_step_in_extended_precision_is_the_certified_one(name):
    model = MODELS[name]
    asked = Cell(name, tuple((letter, SMALL[letter]) for letter in model.letters), "float64", "cpu")
    values, step = arrays(asked), rate(asked)
    params, data = {n: values[n] for n in model.params}, {n: values[n] for n in model.data}
    ends, truth = extended.descend(model, params, data, step, 1), certify(model, values, "float64")
    for parameter in model.params:
        gradient = truth.gradients[parameter]
        for at in np.ndindex(np.shape(params[parameter])):
            middle = Fraction(gradient.value[at].mid().str(40, radius=False))
            moved = exact(np.asarray(params[parameter])[at]) - exact(ends[parameter][at])
            assert abs(moved - Fraction(step) * middle) <= Fraction(1, 2**58)


def test_an_exponent_is_that_of_the_power_law_with_its_error():
    sizes = [2.0**i for i in range(4, 12)]
    assert exponent(sizes, [3e-6 * size**1.5 for size in sizes]) == (pytest.approx(1.5), pytest.approx(0, abs=1e-9))
    bent = exponent(sizes, [1e-4 + 1e-6 * size for size in sizes])
    assert bent[0] < 0.9
    assert bent[1] > 0.01


@pytest.mark.parametrize("condition", [1.0, 100.0])
def test_every_way_to_the_least_squares_reaches_its_target_and_a_step_less_does_not(condition):
    line = closed_form.compare(least_squares.Descent("numpy:tiled"), 8, 1024, condition, 1e-3)
    assert set(line["seconds"]) == {"cholesky", "lstsq", "descent"}
    assert abs(line["reached"]["cholesky"]) < 1e-12
    assert 0 < line["reached"]["descent"] <= 1e-3
    X, y = least_squares.problem(8, 1024, condition)
    least = least_squares.loss(X, y, least_squares.lstsq(X, y))
    short = least_squares.Descent("numpy:reference")(X, y, line["steps"] - 2)
    assert least_squares.loss(X, y, short) > (1 + 1e-3) * least


def test_the_power_iteration_comes_near_enough_for_descent_to_converge():
    for condition in (1.0, 100.0):
        X, y = least_squares.problem(32, 1024, condition)
        largest = np.linalg.eigvalsh(least_squares.moments(X, y)[0] / 1024)[-1]
        assert 0.7 * largest < least_squares.largest(X) <= largest * (1 + 1e-12)


def test_what_the_budget_leaves_out_is_told():
    run = Run(["numpy:reference"])
    try:
        run.measure_ceilings(["float64"])
        first, second = (Cell("univariate", (("m", m),), "float64", "cpu") for m in (64, 65))
        run.measure(first, 0.0, lambda text: None)
        run.measure(second, 0.0, lambda text: None)
        result = run.as_json(False)
    finally:
        run.close()
    assert {r["cell"] for r in result["results"]} == {first.id}  # one is measured, however short the budget
    assert left_out(result) == [
        f"left out: {second.id}: numpy:reference, A/A numpy:reference: no time was left; raise --budget"
    ]
    assert left_out(result)[0] in markdown(result)
    third = [one | {"cell": "another"} for one in result["left_out"]]
    assert left_out({"left_out": result["left_out"] + third}) == [  # one line for both
        f"left out: {second.id}; another: numpy:reference, A/A numpy:reference: no time was left; raise --budget"
    ]


def test_a_cell_that_the_machine_binds_has_ceilings_of_its_own_rounds(tmp_path):
    run = Run(["numpy:tiled"])
    try:
        run.measure_ceilings(["float32"])
        cell = Cell("univariate", (("m", 2**22),), "float32", "cpu")
        run.measure(cell, 0.5, lambda text: None)
        result = run.as_json(False)
    finally:
        run.close()
    (told,) = result["results"]
    assert told["binds"] == "bandwidth"
    assert 0 < told["ceilings"]["read_bytes_per_s"] <= result["ceilings"]["float32"]["read_bytes_per_s"]
    assert told["floor"] == pytest.approx(2 * 4 * 2**22 / told["ceilings"]["read_bytes_per_s"])
    assert told["efficiency"] == pytest.approx(told["floor"] / told["median"])
    plots.draw(result, str(tmp_path))
    assert sorted(file.name for file in tmp_path.iterdir()) == ["efficiency.png", "roofline.png", "time.png"]


def study(name, *options):
    line = [sys.executable, "-m", f"benchmarks.{name}", *options]
    return subprocess.run(line, cwd=ROOT, capture_output=True, text=True, check=False)


def test_parts_are_timed_beside_the_whole(tmp_path):
    picture = tmp_path / "parts.svg"
    ended = study("parts", "--shape", "8,4096,16", "--dtype", "float32", "--json", "-", "--plot", str(picture))
    assert ended.returncode == 0, ended.stderr
    lines = json.loads(ended.stdout)["parts"]
    assert [line["part"] for line in lines if line["series"] == "numba:fused"] == [
        "whole", "X copied", "W1 X", "dZ X^T", "all else, one kernel",
    ]  # fmt: skip
    assert all(line["seconds"] > 0 for line in lines)
    assert picture.read_text(encoding="utf-8").startswith("<?xml")


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("closed_form", ["--excess", "2"], "--excess is 2.0"),
        ("closed_form", ["--series", "numpy:fast"], "there is no series numpy:fast"),
        ("closed_form", ["--plot", "plot.txt"], "plot.txt is no picture"),
        ("parts", ["--shape", "4,8,8"], "--shape has m = 8"),
        ("exponents", ["--series", "numpy:fast"], "there is no series numpy:fast"),
        ("bare", ["--json", "no/such/folder/x"], "cannot be written"),
    ],
)
def test_a_mistake_is_one_line_and_exit_code_2(name, options, message):
    ended = study(name, *options)
    assert ended.returncode == 2
    assert message in ended.stderr
    assert len(ended.stderr.splitlines()) == 1
