"""The benchmarks' page: what it says, its figures, and how it behaves in a browser."""

import json
import subprocess
import sys
from pathlib import Path

import plotly.graph_objects as plotly
import pytest
from benchmarks import figures
from benchmarks.cells import Cell, floor
from benchmarks.page import page
from benchmarks.ratios import ratios
from tests.support.pages import Outline, opened, unreached

CEILINGS = {
    "float32": {"gemm_flops_per_s": 2e11, "read_bytes_per_s": 3e10, "exp_per_s": 4e9},
    "float64": {"gemm_flops_per_s": 1e11, "read_bytes_per_s": 3e10, "exp_per_s": 2e9},
}
ROOT = Path(__file__).parents[2]
HOSTILE = "</script><script>alert(1)</script><b>&amp;"


def command(*options):
    line = [sys.executable, "-m", *map(str, options)]
    return subprocess.run(line, cwd=ROOT, capture_output=True, text=True, check=False)


def timed(cell, series, samples):
    """A verified result as a run records it."""
    least, binds = floor(cell, CEILINGS[cell.dtype])
    median = sorted(samples)[len(samples) // 2]
    return {
        "cell": cell.id, "model": cell.model, "series": series, "dtype": cell.dtype,
        "products": cell.products, "device": cell.device,
        "shape": {"n": None, "m": None, "k": None} | dict(cell.dims), "threads": 2, "steps": 3,
        "samples": samples, "median": median, "quartiles": [min(samples), median, max(samples)], "floor": least,
        "efficiency": least / median, "gemm_share": None, "binds": binds, "compile_seconds": 0.1,
        "dispatch_seconds": 1e-5, "verified": True, "error": 1e-9, "bound": 1e-6, "reason": None,
    }  # fmt: skip


@pytest.fixture(scope="module")
def measured(tmp_path_factory):
    """A result of three sizes and two dtypes, and its page."""
    results = []
    for dtype in CEILINGS:
        line, net = (("m", 64),), (("n", 4), ("m", 32), ("k", 8))
        for place, (model, dims) in enumerate(
            (("univariate", line), ("univariate", (("m", 2**22),)), ("two_layer_nonlinear", net))
        ):
            cell = Cell(model, dims, dtype, "cpu")
            for series, factor in {"numpy:tiled": 1.0, "jax:loop": 1.5, "torch:eager": 4.0}.items():
                results.append(timed(cell, series, [factor * (place + share) * 1e-4 for share in (1.0, 1.02, 1.1)]))
    result = {
        "environment": {"backproof": "0.1.0", "processor": "a processor", "threads": 2, "load_at_start": 0.5,
                        "utc": "2026-01-01T00:00Z", "backends": {"numpy": {"version": "2", "settings": {"blas": "x"}}}},
        "ceilings": CEILINGS,
        "noise": {results[0]["cell"]: {"series": "jax:loop", "ratio": 1.01, "interval": [0.9, 1.1]}},
        "results": results, "ratios": ratios(results), "left_out": [], "partial": False,
    }  # fmt: skip
    path = tmp_path_factory.mktemp("measured") / "page.html"
    path.write_text(page(result), encoding="utf-8")
    return result, path


@pytest.fixture(scope="module")
def spoiled(measured, tmp_path_factory):
    """A result with names that are markup, and a time that is not verified."""
    result = json.loads(json.dumps(measured[0]))
    wrong = result["results"][0] | {"series": HOSTILE, "verified": False, "median": None, "reason": HOSTILE}
    named = result["results"][1] | {"series": HOSTILE, "cell": f"univariate {HOSTILE}"}
    result["results"] += [wrong, named]
    result["left_out"] = [{"cell": HOSTILE, "series": HOSTILE, "reason": HOSTILE}]
    path = tmp_path_factory.mktemp("spoiled") / "page.html"
    path.write_text(page(result), encoding="utf-8")
    return path


def test_the_page_has_every_time_and_ratio(measured):
    result, file = measured
    told = Outline(file.read_text(encoding="utf-8"))
    assert len(told.all("table")) == len(told.all("caption"))
    assert all(th.get("scope") in ("row", "col") for th in told.all("th"))
    for one in result["ratios"]:
        assert f"{one['ratio']:.3g} [{one['interval'][0]:.3g}, {one['interval'][1]:.3g}]" in told.text["table"]
    assert told.text["header"].count("18 times verified") == 1
    assert "numpy:tiled" in told.text["table"]
    assert result["environment"]["processor"] in told.text["header"]


def test_figures_are_what_plotly_knows(measured):
    result, _ = measured
    style = {series: at for at, series in enumerate(dict.fromkeys(r["series"] for r in result["results"]))}
    drawn = [
        figures.times(result["results"], style),
        figures.roof([r for r in result["results"] if r["dtype"] == "float32"], CEILINGS["float32"], style),
        figures.efficiency(result["results"], style),
        figures.ratios(result["ratios"], style),
    ]
    for one in drawn:
        plotly.Figure(one["traces"], one["layout"])  # refuses a property that does not exist
    time, roof, efficiency, ratios = (one["traces"] for one in drawn)
    medians = [r["median"] for r in result["results"]]
    assert sorted(y for trace in time if trace["name"] != "floor" for y in trace["y"]) == sorted(medians)
    assert sorted(y for trace in time if trace["name"] == "floor" for y in trace["y"]) == sorted(
        {r["floor"] for r in result["results"]}
    )
    assert all(low >= 0 for trace in time if trace["name"] != "floor" for low in trace["error_y"]["arrayminus"])
    assert [x for trace in ratios for x in trace["x"]] == [one["ratio"] for one in result["ratios"]]
    assert {x for trace in efficiency for x in trace["x"]} == {
        r["efficiency"] for r in result["results"] if r["binds"] == "bandwidth"
    }  # where calls bind there is no share
    assert max(roof[0]["y"]) <= CEILINGS["float32"]["gemm_flops_per_s"]
    assert len([y for trace in roof[1:] for y in trace["y"]]) == 9


def test_no_text_becomes_markup(spoiled, measured):
    told = Outline(spoiled.read_text(encoding="utf-8"))
    assert len(told.all("script")) == 3
    assert not told.all("b")
    assert "1 NOT VERIFIED" in " ".join(told.text["header"].split())
    assert f"not verified: {measured[0]['results'][0]['cell']}: {HOSTILE}: {HOSTILE}" in told.text["main"]


def test_a_derivation_of_ones_own_has_a_page_too(measured):
    result = json.loads(json.dumps(measured[0]))
    own = {"model": "attention.py", "cell": "attention.py d=3 float32 cpu", "shape": {"n": None, "m": None, "d": 3}}
    own["shape"]["k"] = None
    result["results"] = [one | own for one in result["results"][:2]]
    result["ratios"] = []
    told = Outline(page(result))
    assert "attention.py d=3 float32 cpu" in told.text["summary"]
    assert "chart-time-attention.py" in [one.get("id") for one in told.all("div")]


def test_a_file_that_is_no_result_is_one_line(tmp_path):
    (tmp_path / "r.json").write_text("[]")
    for source, message in {tmp_path / "r.json": "is no result of", tmp_path / "none": "No such file"}.items():
        ended = command("benchmarks.page", source, tmp_path / "p.html")
        assert ended.returncode == 2
        assert message in ended.stderr
        assert len(ended.stderr.splitlines()) == 1
    assert not (tmp_path / "p.html").exists()


def test_the_command_writes_the_page(tmp_path):
    ended = command(
        "benchmarks", "--model", "univariate", "--series", "numpy:tiled", "--shape", "1,64,1", "--dtype", "float32",
        "--budget", "1", "--html", tmp_path / "r.html",
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr
    told = Outline((tmp_path / "r.html").read_text(encoding="utf-8"))
    assert "1 time verified" in told.text["header"]
    assert "univariate m=64 float32 cpu" in told.text["summary"]


@pytest.mark.parametrize("width", [360, 1200])
def test_it_loads_draws_and_fits(started, spoiled, width):
    with opened(started, spoiled.as_uri(), width=width, scheme="dark") as seen:
        seen.draw()
        assert (seen.logged, seen.asked) == ([], [spoiled.as_uri()])
        assert seen.page.locator(".chart .main-svg").count() >= 4
        assert seen.page.locator(".chart a, .chart b").count() == 0
        assert seen.page.evaluate("document.documentElement.scrollWidth") == width


def test_the_link_of_a_cell_opens_its_table_and_the_keyboard_reaches_all(started, measured):
    with opened(started, measured[1].as_uri() + "#cell-univariate-m-64-float32-cpu") as seen:
        assert seen.page.locator("details[open] table").count() == 1
        assert seen.page.evaluate("document.activeElement.textContent") == "univariate m=64 float32 cpu"
        assert unreached(seen) == set()


def test_ours_is_faster_only_beyond_the_noise_of_the_cell(measured):
    result, _ = measured
    noisy = {one["cell"]: {"series": "jax:loop", "ratio": 1.0, "interval": [0.5, 1.1]} for one in result["ratios"]}
    told = [Outline(page(result | {"noise": noise})).text["table"] for noise in ({}, noisy)]
    assert [text.count("✓ faster") for text in told] == [len(result["ratios"]), 0]
    assert told[1].count("? undecided") == len(result["ratios"])
