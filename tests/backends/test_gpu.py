"""Series for some devices and dtypes only; what is lacking is skipped with the reason; one truth for all devices."""

from dataclasses import replace

import pytest
import torch
from tests.support.planted_gpu import Lacking, OnTF32Units

from backproof.conformance.cells import Problem, plan
from backproof.conformance.runner import run
from backproof.conformance.session import Session
from backproof.hosting.registry import describe
from backproof.models import MODELS
from backproof.verdicts.judgement import Verdict
from backproof_jax import backend as jax_backend
from backproof_torch import TorchBackend
from backproof_torch import backend as torch_backend
from backproof_torch.replay import BLOCKS, Replayed

pytestmark = pytest.mark.gpu
PROBLEMS = {
    dtype: Problem("multivariate", (("n", 3), ("m", 7)), "normal", dtype)
    for dtype in ("float64", "float32", "bfloat16")
}


@pytest.mark.parametrize("backend", [torch_backend, jax_backend], ids=lambda backend: backend.name)
def test_series_are_planned_for_their_devices_and_dtypes_alone(backend):
    described = describe(backend.name, backend)
    for dtype, problem in PROBLEMS.items():
        planned = [(c.series, c.device, c.matmul_precision) for c in plan([problem], [described], ["cpu", "cuda"])]
        assert ("tf32", "cpu", "tf32") not in planned
        assert (("tf32", "cuda", "tf32") in planned) is (dtype == "float32")
        assert (described.series[0].name, "cpu", None) in planned


def test_what_a_series_lacks_is_a_skip_with_its_reason():
    cells = plan([PROBLEMS["float32"]], [describe("lacking", Lacking())], ["cpu"])
    assert [(cell.series, cell.skip) for cell in cells] == [
        ("eager", None),
        ("kernels", "lacking:kernels: no module triton"),
    ]
    assert [report.verdict for report in run(cells[1:], {})] == [Verdict.SKIP]


def test_descriptions_tell_where_a_series_runs():
    described = describe("units", OnTF32Units())
    series = {one.name: one for one in described.series}
    assert series["tf32"].label == "tf32 (cuda)"
    assert series["eager"].label == "eager"
    assert described.runs(series["tf32"], "cuda")
    assert not described.runs(series["tf32"], "cpu")


def test_devices_are_held_to_one_truth():
    session = Session.open(["tests.support.planted_gpu:WrongOnCuda"], ["multivariate"], ["float64"], "all", "quick")
    reports = {report.cell.device: report for report in run(session.cells, session.workers)}
    assert {device: report.verdict for device, report in reports.items()} == {"cpu": Verdict.PASS, "cuda": Verdict.FAIL}
    right, wrong = (reports[device].gradients["w"] for device in ("cpu", "cuda"))
    assert right.bound == pytest.approx(wrong.bound, rel=10)
    assert right.expected_radius == wrong.expected_radius


def test_kernels_without_triton_are_skipped_with_the_reason(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    described = replace(describe("torch", torch_backend), devices=("cpu", "cuda"))
    cells = [cell for cell in plan([PROBLEMS["float32"]], [described], ["cuda"]) if cell.series == "triton"]
    assert [cell.skip for cell in cells] == ["torch:triton: no module triton; pip install 'backproof[triton]'"]
    assert not any(described.runs(one, "cuda") for one in described.series if one.name.startswith("triton"))


@pytest.mark.parametrize("steps", [0, 1, 4, 5, 13, 100, 207])
def test_replayed_steps_are_steps(steps):
    """Blocks are recorded once, on buffers of their own; here a record is the block itself."""
    recorded, launched = [], []

    def record(block):
        recorded.append(block)
        return lambda: (launched.append(block), block())

    start = {"p": torch.tensor([1.0, 2.0], dtype=torch.float64)}
    replayed = Replayed(lambda state: {"p": state["p"] * 0.99 + 0.5}, start, record)
    expected = start["p"].clone()
    for _ in range(steps):
        expected = expected * 0.99 + 0.5
    for _ in range(2):
        ends = replayed.run(start, steps)
        torch.testing.assert_close(ends["p"], expected, rtol=0, atol=0)
        assert start["p"].tolist() == [1.0, 2.0]
    assert len(recorded) == sum(steps >= size for size in BLOCKS)
    assert len(launched) == 2 * (steps // BLOCKS[0] + steps % BLOCKS[0] // BLOCKS[1])
    ends["p"].zero_()
    assert replayed.run(start, steps)["p"].tolist() == expected.tolist()


def test_the_graph_series_replays_the_compiled_step(monkeypatch):
    """`torch:cudagraph` but for the capture: its step is eager here, its data are kept as long as they are the same."""
    from backproof_torch import gpu
    from backproof_torch.steps import step

    made = []

    def eager(model, params, data):
        made.append(model.name)
        return step

    monkeypatch.setattr(gpu, "compiled_step", eager)
    monkeypatch.setattr(gpu, "Replayed", lambda step, start: Replayed(step, start, lambda block: block))
    backend, model = TorchBackend(), MODELS["two_layer_nonlinear"]
    torch.manual_seed(0)
    arrays = {a: torch.randn(model.shape(a, {"n": 3, "m": 7, "k": 5}), dtype=torch.float64) for a in model.shapes}
    params, data = {n: arrays[n] for n in model.params}, {n: arrays[n] for n in model.data}
    for steps in (3, 12):
        expected = backend.descend(model, "func", params, data, 0.1, steps)
        for name, p in backend.descend(model, "cudagraph", params, data, 0.1, steps).items():
            torch.testing.assert_close(p, expected[name], rtol=1e-14, atol=1e-15)
    assert len(made) == 1
    data["X"].mul_(2)
    expected = backend.descend(model, "func", params, data, 0.1, 3)
    torch.testing.assert_close(backend.descend(model, "cudagraph", params, data, 0.1, 3)["W1"], expected["W1"])
    backend.descend(model, "cudagraph", params, data, 0.2, 3)
    assert len(made) == 3
