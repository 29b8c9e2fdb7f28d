"""The benchmarks on a GPU, in what a machine without one can check: sizes, clocks, events, labels, verification."""

import json
import subprocess
from dataclasses import replace

import numpy as np
import pytest
from benchmarks import cuda
from benchmarks.cells import Cell, arrays, cells, floor, rate
from benchmarks.ratios import ratios
from benchmarks.session import Run
from benchmarks.table import markdown, tables
from benchmarks.verify import Expected

from backproof import MODELS
from backproof.core.errors import InputError
from backproof.rounding.formats import PRODUCTS
from backproof_numpy import NumpyBackend

ANSWER = "NVIDIA H100 80GB HBM3, 550.54.15, 1755, 2619, 1980, 41, 310.25, 0x0000000000000004\n"
SMALL = {"n": 16, "m": 1024, "k": 32}


def test_sizes_reach_past_the_caches_and_hold_the_goals():
    planned = cells([], [], [], "cuda")
    assert {cell.device for cell in planned} == {"cuda"}
    sizes = {tuple(dict(cell.dims).values()) for cell in planned if cell.model == "two_layer_nonlinear"}
    assert {(1024, 16384, 1024), (4096, 16384, 4096), (4, 32, 8)} <= sizes
    data = [4 * np.prod(list(dict(cell.dims).values())) for cell in planned if cell.model == "univariate"]
    assert max(data) > 10 * 50e6  # bytes, of an H100's cache
    labels = {(cell.dtype, cell.products) for cell in planned if cell.model == "two_layer_nonlinear"}
    assert labels == {("float32", None), ("float32", "tf32"), ("float64", None)}
    assert {cell.products for cell in planned if cell.model == "multivariate"} == {None}
    assert len({cell.id for cell in planned}) == len(planned)


def test_the_cards_clocks_are_read_and_its_slowness_named():
    found = cuda.parsed(ANSWER)
    assert found["sm_mhz"] == 1755
    assert found["watts"] == 310.25
    assert found["throttled"] == ["power cap"]
    assert cuda.parsed(ANSWER.replace("0x0000000000000004", "0x0000000000000001"))["throttled"] == []
    assert cuda.parsed(ANSWER.replace("310.25", "[N/A]"))["watts"] is None
    assert cuda.parsed(ANSWER.replace("0x0000000000000004", "[N/A]"))["throttled"] is None
    assert "absent" in cuda.parsed("No devices were found")


def test_a_card_that_does_not_answer_is_said_so():
    def missing(*command, **options):
        raise FileNotFoundError("no nvidia-smi")

    def failing(*command, **options):
        return subprocess.CompletedProcess(command, 9, "", "NVIDIA-SMI has failed\nbecause ...")

    assert cuda.clocks(missing) == {"absent": "nvidia-smi cannot be run: no nvidia-smi"}
    assert cuda.clocks(failing) == {"absent": "nvidia-smi: NVIDIA-SMI has failed because ..."}
    looks = [{"cell": "c", "before": cuda.parsed(ANSWER), "after": cuda.clocks(missing)}]
    slow, unknown = cuda.throttled(looks)
    assert slow == "throttled before c: power cap"
    assert unknown == "clocks unknown after c: nvidia-smi cannot be run: no nvidia-smi"
    assert cuda.throttled([{"cell": "c", "before": {"throttled": []}, "after": {"throttled": []}}]) == []


def test_events_time_the_call_and_are_waited_for_once():
    clock, waited = [0.0], []

    class Event:
        def record(self):
            self.at = clock[0]

        def elapsed_time(self, other):
            assert waited
            return other.at - self.at  # milliseconds

    def call():
        clock[0] += 12.5
        return "ends"

    assert cuda.by_events(call, Event, lambda: waited.append(1)) == (0.0125, "ends")
    assert waited == [1]


def test_only_series_of_one_precision_meet_in_a_cell():
    plain = Cell("two_layer_nonlinear", tuple(SMALL.items()), "float32", "cuda")
    cut = replace(plain, products="tf32")
    run = Run([], ["torch"])
    try:
        for worker in run.workers.values():
            object.__setattr__(worker.description, "devices", ("cpu", "cuda"))
        found = {c.id: {entry.label for entry in run._entries(c)} for c in (plain, cut)}
    finally:
        run.close()
    assert found[cut.id] == {"torch:tf32", "torch:compile-tf32", "torch:triton-tf32", "A/A torch:tf32"}
    assert not {label for label in found[plain.id] if "tf32" in label}
    assert {"torch:triton", "torch:cudagraph", "torch:compile"} <= found[plain.id]


def test_a_floor_needs_no_exponentials_where_they_are_no_ceiling():
    large = Cell("two_layer_nonlinear", (("n", 1024), ("m", 16384), ("k", 1024)), "float32", "cuda", products="tf32")
    least, binds = floor(large, {"gemm_flops_per_s": 4e14, "read_bytes_per_s": 3e12})
    assert (least, binds) == (pytest.approx(4 * 1024 * 16384 * 1024 / 4e14), "gemm")


def result(series, products, median):
    """As `Run` makes it."""
    return {
        "cell": f"c {products}", "model": "m", "series": series, "dtype": "float32", "device": "cuda",
        "products": products, "shape": {}, "threads": 2, "steps": 3, "samples": [median] * 3, "median": median,
        "floor": 1e-4, "efficiency": 0.5, "gemm_share": 0.4, "binds": "gemm", "compile_seconds": 1.0,
        "dispatch_seconds": 0.0, "verified": True, "error": 1.0, "bound": 2.0, "reason": None,
    }  # fmt: skip


def test_tables_show_precisions_apart_and_what_slowed_the_card():
    results = [
        result("torch:triton", None, 4.0), result("torch:compile", None, 5.0),
        result("torch:triton-tf32", "tf32", 1.0), result("jax:tf32", "tf32", 1.5),
    ]  # fmt: skip
    found = ratios(results)
    assert [(r["best"], r["peer"], r["ratio"]) for r in found] == [
        ("torch:triton", "torch:compile", 1.25), ("torch:triton-tf32", "jax:tf32", 1.5)
    ]  # fmt: skip
    looks = [{"cell": "c tf32", "before": cuda.parsed(ANSWER), "after": cuda.parsed(ANSWER)}]
    ceilings = {"tf32": {"gemm_flops_per_s": 4e14, "read_bytes_per_s": 3e12}}
    told = dict(results=results, ratios=found, ceilings=ceilings, noise={}, left_out=[], clocks=looks)
    page = markdown(json.loads(json.dumps(told)))
    assert "Ceilings, tf32: 400000 GFLOP/s, read 3000.0 GB/s." in page
    assert "throttled before c tf32: power cap" in page
    assert len(list(tables(told))) == 2 + 1 + 2


class Chopping(np.ndarray):
    def __matmul__(self, other):
        a, b = (PRODUCTS["tf32"].chop(np.asarray(v, np.float64)).astype("float32") for v in (self, other))
        return (a @ b).view(Chopping)


@pytest.mark.parametrize("name", ["two_layer_linear", "two_layer_nonlinear"])
def test_steps_in_tf32_are_verified_and_wrong_ones_are_not(name):
    asked = Cell(
        name, tuple((letter, SMALL[letter]) for letter in MODELS[name].letters), "float32", "cuda", products="tf32"
    )
    model, values = MODELS[name], arrays(asked)
    views = {n: np.asarray(a).view(Chopping) for n, a in values.items()}
    params, data = {n: views[n] for n in model.params}, {n: views[n] for n in model.data}

    def ends(steps, factor=1.0, **changed):
        step = np.float32(factor * rate(asked))
        ran = NumpyBackend().descend(model, "reference", params, data | changed, step, steps)
        return {n: np.asarray(p, "float32") for n, p in ran.items()}

    expected = Expected(asked, 3)
    verified, error, bound, _ = expected.check(ends(3), moments=False)
    assert verified
    assert error > 0.01 * bound
    assert not expected.check(ends(3, factor=1.5), moments=False)[0]
    assert not expected.check(ends(2), moments=False)[0]
    in_float32 = Expected(Cell(name, asked.dims, "float32", "cuda"), 3)
    assert not in_float32.check(ends(3), moments=False)[0]


def test_other_cut_products_are_refused():
    asked = Cell("two_layer_linear", tuple(SMALL.items()), "float32", "cuda", products="bfloat16")
    with pytest.raises(InputError, match="cannot be verified"):
        Expected(asked, 2).check({n: a for n, a in arrays(asked).items() if n in MODELS[asked.model].params}, False)
