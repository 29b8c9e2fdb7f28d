"""The Triton kernels in Triton's interpreter, by the matrix's own cells and verdicts; and compiled for a GPU that is
not here."""

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from backproof.conformance.runner import run
from backproof.conformance.session import Session
from backproof.verdicts.judgement import Verdict

pytest.importorskip("triton", reason="the kernels are in Triton: pip install 'backproof[triton]'")
pytestmark = pytest.mark.gpu
ROOT = Path(__file__).parents[2]
REGRESSIONS, NETWORK = ["univariate", "multivariate"], ["two_layer_nonlinear"]


@pytest.fixture(autouse=True)
def _interpreted(monkeypatch):
    monkeypatch.setenv("TRITON_INTERPRET", "1")  # the backends' processes inherit it


@pytest.mark.parametrize(
    ("spec", "models", "dtypes"),
    [
        ("OneProgram", REGRESSIONS + NETWORK, ["float32", "bfloat16"]),
        ("TwoStages", REGRESSIONS + NETWORK, ["float32", "bfloat16"]),
        ("Products", NETWORK, ["float32", "bfloat16"]),
    ],
)
def test_kernels_conform(spec, models, dtypes):
    session = Session.open([f"tests.support.planted_triton:{spec}"], models, dtypes)
    cells = list(session.cells)
    reports = list(run(cells, session.workers))
    wrong = {r.cell.id: r.reason for r in reports if r.verdict not in (Verdict.PASS, Verdict.INCONCLUSIVE)}
    assert wrong == {}
    assert {cell.series for cell in cells} == ({"triton", "triton-tf32"} if NETWORK[0] in models else {"triton"})
    float32 = Counter(report.verdict for report in reports if report.cell.problem.dtype == "float32")
    assert float32[Verdict.PASS] > 0.8 * float32.total()
    assert all(r.verdict is Verdict.PASS for r in reports if r.cell.problem.regime == "repeated")


def test_kernels_compile_for_a_gpu_within_its_means(tmp_path, monkeypatch):
    """By Triton's own assembler for an H100: shared memory and registers suffice, and products go to the units that
    multiply matrices."""
    monkeypatch.delenv("TRITON_INTERPRET")
    monkeypatch.setenv("TRITON_CACHE_DIR", str(tmp_path))
    command = [sys.executable, "-m", "tests.support.compile_kernels"]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    kernels = [json.loads(line) for line in ended.stdout.splitlines()]
    assert len({one["kernel"] for one in kernels}) == 10
    for one in kernels:
        assert one["shared"] <= 227 * 1024, one
        by_units = one["constants"].get("PRECISION") == "tf32"
        assert (one["wgmma"] > 0) is by_units, one
        assert one["spilled"] <= (512 if by_units else 0), one
