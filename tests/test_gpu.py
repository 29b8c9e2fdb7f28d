"""Series for some devices and dtypes only; what is lacking is skipped with the reason; one truth for all devices."""

import pytest
from tests.planted_gpu import Lacking, OnTF32Units

from backproof.conformance.cells import Problem, plan
from backproof.conformance.registry import describe
from backproof.conformance.runner import run
from backproof.conformance.session import Session
from backproof.conformance.verdict import Verdict
from backproof_jax import backend as jax_backend
from backproof_torch import backend as torch_backend

PROBLEMS = {
    dtype: Problem("multivariate", (("n", 3), ("m", 7)), "normal", dtype)
    for dtype in ("float64", "float32", "bfloat16")
}


@pytest.mark.parametrize("backend", [torch_backend, jax_backend], ids=lambda backend: backend.name)
def test_series_are_planned_for_their_devices_and_dtypes_alone(backend):
    described = describe(backend.name, backend)
    for dtype, problem in PROBLEMS.items():
        planned = [(c.series, c.device, c.products) for c in plan([problem], [described], ["cpu", "cuda"])]
        assert ("tf32", "cpu", "tf32") not in planned
        assert (("tf32", "cuda", "tf32") in planned) is (dtype == "float32")
        assert (backend.series[0], "cpu", None) in planned


def test_what_a_series_lacks_is_a_skip_with_its_reason():
    cells = plan([PROBLEMS["float32"]], [describe("lacking", Lacking())], ["cpu"])
    assert [(cell.series, cell.skip) for cell in cells] == [
        ("eager", None),
        ("kernels", "lacking:kernels: no module triton"),
    ]
    assert [report.verdict for report in run(cells[1:], {})] == [Verdict.SKIP]


def test_descriptions_tell_where_a_series_runs():
    described = describe("units", OnTF32Units())
    assert described.label("tf32") == "tf32 (cuda)"
    assert described.label("eager") == "eager"
    assert described.runs("tf32", "cuda")
    assert not described.runs("tf32", "cpu")


def test_devices_are_held_to_one_truth():
    session = Session.open(["tests.planted_gpu:WrongOnCuda"], ["multivariate"], ["float64"], "all", "quick")
    reports = {report.cell.device: report for report in run(session.cells, session.workers)}
    assert {device: report.verdict for device, report in reports.items()} == {"cpu": Verdict.PASS, "cuda": Verdict.FAIL}
    right, wrong = (reports[device].gradients["w"] for device in ("cpu", "cuda"))
    assert right.bound == pytest.approx(wrong.bound, rel=10)
    assert right.expected_radius == wrong.expected_radius
