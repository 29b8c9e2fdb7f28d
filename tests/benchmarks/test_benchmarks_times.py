"""What a time stands for: late and memoised results, deaths while timing, refusals, and what was not run."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from benchmarks.cells import Cell, arrays, rate
from benchmarks.session import Run
from benchmarks.starts import LATE, MEMOISED, Starts, Timed
from benchmarks.table import rows
from benchmarks.verify import Expected
from benchmarks.worker import _Server
from tests.support import planted_times

from backproof import MODELS
from backproof_numpy import NumpyLoops

ROOT = Path(__file__).parents[2]
PLANTED = "tests.support.planted_times"
SMALL = {"n": 4, "m": 32, "k": 8}
CELL = Cell("univariate", (("m", 64),), "float64", "cpu")


def small(name, dtype="float64"):
    return Cell(name, tuple((letter, SMALL[letter]) for letter in MODELS[name].letters), dtype, "cpu")


def measured(series, *cells):
    """The result of a run in this process, its cells as short as can be."""
    run = Run(series)
    try:
        run.measure_ceilings(list({cell.precision for cell in cells}))
        for cell in cells:
            run.measure(cell, 0.2, lambda text: None)
        return run.as_json(False)
    finally:
        run.close()


def by_series(result, cell=CELL):
    return {r["series"].rpartition(":")[2]: r for r in result["results"] if r["cell"] == cell.id}


def test_what_is_late_is_waited_for_within_the_time():
    told = by_series(measured([f"{PLANTED}:late:late", "numpy:reference"], CELL))
    assert all(r["verified"] for r in told.values())
    assert told["late"]["median"] > 0.3 * min(told["reference"]["samples"])  # it is the same, in a thread


@pytest.mark.parametrize("name", ["univariate", "two_layer_nonlinear"])
def test_what_is_memoised_has_no_time_or_its_own(name):
    cell = small(name)
    told = by_series(measured([f"{PLANTED}:memoised", "numpy:reference"], cell), cell)
    assert told["steps"]["reason"] == MEMOISED
    assert told["steps"]["median"] is None
    assert told["arguments"]["verified"]
    assert told["arguments"]["median"] > 0.3 * min(told["reference"]["samples"])  # no two calls are alike


def test_a_derivation_memoised_has_no_time_either():
    ended = command(
        "--model", "examples/derivations/ridge_regression.py", "--dtype", "float64", "--budget", "2", "--json", "-",
        "--series", f"{PLANTED}:memoised:steps", "--series", "numpy:reference", "--shape", "n=4,m=64",
    )  # fmt: skip
    assert ended.returncode == 1, ended.stderr
    told = {r["series"]: r["reason"] for r in json.loads(ended.stdout)["results"]}
    assert told == {f"{PLANTED}:memoised:steps": MEMOISED, "numpy:reference": None}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", MODELS)
def test_every_start_ends_where_its_signs_say(name, dtype):
    cell = small(name, dtype)
    model, values = MODELS[name], arrays(cell)
    starts, timed = Starts(model, {n: values[n] for n in model.params}), Timed()
    for turn in range(1, 6):
        y = -values["y"] if starts.turned(turn) else values["y"]
        data = {n: values[n] for n in model.data} | {"y": y}
        timed.add(starts, turn, NumpyLoops().descend(model, "reference", starts.of(turn), data, rate(cell), 4), 0.0)
    assert timed.fault is None
    expected = Expected(cell, 4)
    for side in (timed.least, timed.greatest):
        assert expected.check(side, False, timed.moved, resolving=False).verified
    plain = NumpyLoops().descend(model, "reference", starts.of(0), data, rate(cell), 4)
    least = {n: np.minimum(timed.least[n], -plain[n]) for n in plain}
    assert not expected.check(least, False, timed.moved, resolving=False).verified  # as one of the wrong sign is
    assert all((starts.of(0)[n] == values[n]).all() for n in model.params)
    kinds = {(type(p), p.dtype) for turn in range(3) for p in starts.of(turn).values()}
    assert kinds == {(np.ndarray, np.dtype(dtype))}  # frameworks refuse NumPy's scalars
    assert len({tuple(p.tobytes() for p in starts.of(turn).values()) for turn in range(100)}) == 100


def test_what_a_gpu_is_read_late_is_refused():
    starts = Starts(MODELS["univariate"], {"w": np.float64(1.0), "b": np.float64(2.0)})
    timed = Timed()
    for turn, waited in enumerate((0.9, 0.6, 0.7)):
        timed.add(starts, turn, starts.of(turn), waited)
    assert timed.fault == LATE.format(0.6)
    timed.add(starts, 3, starts.of(3), 0.0)
    assert timed.fault is None  # one that does not wait is enough: others were disturbed


@pytest.mark.parametrize(
    ("backend", "series", "late"), [(planted_times.late, "late", True), (NumpyLoops(), "tiled", False)]
)
def test_where_reading_is_no_part_of_the_call_its_wait_is_seen(backend, series, late):
    server = _Server(backend)  # which takes any device's name
    server.place(Cell("multivariate", (("n", 8), ("m", 4096)), "float64", "cuda"), None)
    for _ in range(4):
        server.run(series, 200)
    fault = server.timed(series, 200).fault
    assert (fault or "").startswith(LATE[:30]) == late


def test_a_death_is_of_its_series_alone():
    again = Cell("univariate", (("m", 65),), "float64", "cpu")
    result = measured([f"{PLANTED}:ends", "numpy:reference"], CELL, again)
    for cell in (CELL, again):
        told = by_series(result, cell)
        assert "its process ended (exit code 3)" in told["dies"]["reason"]
        assert "SystemExit: no licence" in told["exits"]["reason"]
        assert told["right"]["verified"]
        assert told["reference"]["verified"]


def test_a_cell_past_memory_is_no_end_of_the_run_and_no_share_is_told_where_calls_bind():
    large = Cell("univariate", (("m", 10**15),), "float64", "cpu")
    result = measured(["numpy:reference"], large, CELL)
    assert "place: " in by_series(result, large)["reference"]["reason"]
    told = by_series(result)["reference"]
    assert told["verified"]
    assert told["binds"] == "dispatch"
    (shown,) = rows([told | {"efficiency": 2.71, "gemm_share": 1.5}])
    assert shown[2:4] == ("", "")
    (shown,) = rows([told | {"efficiency": 1.18, "binds": "bandwidth"}])
    assert shown[2] == "118%"


def test_a_refusal_names_tensor_error_and_bound():
    cell = small("two_layer_nonlinear")
    model, values = MODELS[cell.model], arrays(cell)
    params, data = {n: values[n] for n in model.params}, {n: values[n] for n in model.data}
    ends = NumpyLoops().descend(model, "reference", params, data, rate(cell), 3)
    ends["W1"][2, 1] += 0.5
    expected = Expected(cell, 3)
    found = expected.check(ends, False)
    assert found.reason.startswith("W1 after 3 steps: at [2, 1] off by 0.5, its bound is ")
    assert found.error == pytest.approx(0.5)
    assert "b1 after 3 steps is float64 (8,); it must be float64 (8, 1)" in str(
        expected.check(ends | {"b1": ends["b1"][:, 0]}, False).reason
    )
    assert "b2 after 3 steps: off by nan" in str(expected.check(ends | {"b2": np.array(np.nan)}, False).reason)
    assert "its bound is above half of all that it changes by" in str(expected.check(ends, False, moved=1.0).reason)


def command(*options):
    line = [sys.executable, "-m", "benchmarks", *options]
    return subprocess.run(line, cwd=ROOT, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--series", "torhc:eager"], "there is no backend or module torhc; a series is named as backend:series"),
        (["--series", "nobody"], "there is no backend or module nobody"),
        (["--series", f"{PLANTED}:late:a"], f"there is no series {PLANTED}:late:a; there are {PLANTED}:late:late"),
        (["--series", f"{PLANTED}:nothing"], f"there is no nothing in {PLANTED}"),
        (["--shape", "m=0"], "--shape is 'm=0'; m must be 1 or more"),
    ],
)  # fmt: skip
def test_a_mistake_is_one_line_and_exit_code_2(options, message):
    ended = command(*options)
    assert ended.returncode == 2
    assert message in ended.stderr
    assert len(ended.stderr.splitlines()) == 1


def test_what_an_interrupted_run_had_before_it_is_left_out(tmp_path):
    file = tmp_path / "result.json"
    options = ["--model", "univariate", "--series", "numpy:reference", "--dtype", "float64", "--budget", "300"]
    line = [sys.executable, "-m", "benchmarks", *options, "--shape", "m=64", "--shape", "m=65", "--json", str(file)]
    with subprocess.Popen(line, cwd=ROOT, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True) as process:
        for text in process.stderr:
            if "m=64" in text:
                break
        time.sleep(0.2)
        os.kill(process.pid, signal.SIGINT)
        process.communicate()
    assert process.returncode == 130
    result = json.loads(file.read_text())
    assert result["partial"] is True
    cells = [f"univariate m={m} float64 cpu" for m in (64, 65)]
    done = {r["cell"] for r in result["results"]}
    assert [(one["cell"], one["series"], one["reason"]) for one in result["left_out"]] == [
        (cell, "numpy:reference", "the run was interrupted") for cell in cells if cell not in done
    ]
    assert result["left_out"]
