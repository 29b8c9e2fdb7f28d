"""The options of the matrix under pytest: what is asked for and cannot be had is an error, never a silent pass."""

import subprocess
import sys
from pathlib import Path

import pytest


def matrix(*options):
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "tests/conformance/test_matrix.py", *options]
    return subprocess.run(command, cwd=Path(__file__).parents[2], capture_output=True, text=True, check=False)


def test_backend_and_cells_choose_what_runs():
    ended = matrix("--backend", "numpy", "--cells", "quick", "-v")
    assert ended.returncode == 0
    assert "22 passed" in ended.stdout
    assert "test_conforms[two_layer_nonlinear-numpy:reference-float32-cpu-n3m7k5-normal] PASSED" in ended.stdout


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--backend", "caffe"], "there is no backend caffe"),
        (["--backend", "no_such:thing"], "no module no_such"),
        (["--backend", "numpy", "--device", "cuda"], "no cuda device"),
        (["--cells", "none"], "there is no set of cells none"),
    ],
)
def test_what_cannot_be_had_is_an_error(options, message):
    ended = matrix(*options)
    assert ended.returncode == pytest.ExitCode.INTERRUPTED
    assert message in ended.stderr + ended.stdout


def test_skipped_and_wrong_cells_are_told_apart():
    ended = matrix(
        "--backend", "numpy", "--backend", "tests.support.planted:numpy_drop_two", "--device", "all", "--cells", "quick"
    )
    assert "8 failed, 22 passed, 30 skipped" in ended.stdout
    assert "ACTUAL" in ended.stdout
    assert "finds no cuda device here" in ended.stdout
