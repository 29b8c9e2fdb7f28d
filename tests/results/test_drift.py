"""Drift between two runs: what is told anew, what is noise, and what is no baseline at all."""

import json
import random
from collections import Counter

import pytest

from backproof.pages.report.page import cell_link
from backproof.results.drift import CHANCE, compare, load

QUICK = ["conform", "--backend", "numpy", "--cells", "quick"]


@pytest.fixture(scope="module")
def result(tmp_path_factory):
    """A run's result, of numpy's default cells of two models."""
    from backproof.cli import main

    path = tmp_path_factory.mktemp("drift") / "r.json"
    with pytest.raises(SystemExit) as exited:
        main(
            [
                "conform",
                "--backend",
                "numpy",
                "--model",
                "multivariate",
                "--model",
                "two_layer_linear",
                "--json",
                str(path),
            ]
        )
    assert exited.value.code == 0
    return path.read_text()


def tensors(cell):
    judged = {"loss": cell["loss"], "output": cell["output"], **cell["gradients"], **cell["parameters"]}
    return [j for j in judged.values() if j and j["error"] and j["bound"]]


def drift(result, *changes):
    """The drift from a result to the same with every cell changed by `changes`."""
    now = json.loads(result)
    for cell in now["cells"]:
        for change in changes:
            change(cell)
    return compare(json.loads(result), now, "old.json")


def scaled(factor, choose=lambda cell: True):
    def change(cell):
        for judged in tensors(cell) if choose(cell) else ():
            judged["error"] = float(judged["error"]) * factor

    return change


def test_two_runs_of_the_same_code_do_not_drift(backproof, tmp_path):
    old, new = tmp_path / "old.json", tmp_path / "new.json"
    assert backproof(*QUICK, "--json", old)[0] == 0
    code, out, _ = backproof(*QUICK, "--baseline", old, "--json", new)
    assert code == 0
    assert f"since{old}(22cellscompared):" in "".join(out.split())  # wherever a long path is broken
    assert "no drift: every verdict is the same, and no error grew beyond noise" in out
    told = json.loads(new.read_text())["drift"]
    assert told["compared"] == 22
    assert not any(
        told[kind] for kind in ("environment", "failures", "verdicts", "beyond", "systematic", "new", "gone")
    )


def test_a_new_failure_is_told_and_exits_1(backproof, tmp_path):
    old, new, planted = (
        tmp_path / "old.json",
        tmp_path / "new.json",
        ["--backend", "tests.support.planted:numpy_drop_two"],
    )
    backproof("conform", *planted, "--cells", "quick", "--json", old)
    healthy = json.loads(old.read_text())
    for cell in healthy["cells"]:
        cell["verdict"] = "pass"
    healthy["environment"]["numpy"] = "1.26.0"
    healthy["environment"]["backends"]["numpy-drop_two"]["settings"]["blas"] = "MKL"
    healthy["cells"][0]["verdict"] = "error"
    healthy["cells"].append(healthy["cells"][1] | {"id": "univariate-other:jit-float32-cpu-m7-normal"})
    old.write_text(json.dumps(healthy))
    code, out, _ = backproof("conform", *planted, "--cells", "quick", "--baseline", old, "--json", new)
    assert code == 1
    told = json.loads(new.read_text())["drift"]
    assert {(change["then"], change["now"]) for change in told["failures"]} == {("pass", "fail")}
    assert [change["then"] for change in told["verdicts"]] == ["error"]  # a failure, but no new one
    assert len(told["failures"]) == 7
    assert all("exceeds" in change["reason"] for change in told["failures"])
    assert "numpy: 1.26.0 -> " in out
    assert "numpy-drop_two blas: MKL -> " in out
    assert "new failures (7):" in out
    assert f"    {told['failures'][0]['id']}: pass -> fail\n" in out
    assert "cells gone: 1 of other" in out
    known = tmp_path / "known.txt"
    known.write_text("*-numpy-drop_two:* halved on purpose\n")
    page = tmp_path / "r.html"
    again = ["--baseline", old, "--known-failures", known, "--html", page]
    code, out, _ = backproof("conform", *planted, "--cells", "quick", *again)
    assert code == 0
    shown = page.read_text()
    assert "New failures: 7</summary>" in shown
    assert shown.count(f'<a href="{cell_link(told["failures"][0]["id"])}">') >= 1
    assert all(f"<td>{of}</td>" in shown for of in ("1.26.0", "MKL"))
    assert "known failure, halved on purpose" in out


def test_an_error_that_grows_within_its_bound_in_one_cell_is_noise(result):
    first = json.loads(result)["cells"][0]["id"]
    assert not drift(result, scaled(50, lambda cell: cell["id"] == first and cell["verdict"] == "pass")).systematic
    assert not drift(result, scaled(1.01)).beyond


def test_an_error_that_leaves_its_bound_is_told(result):
    target = next(c for c in json.loads(result)["cells"] if c["regime"] == "normal" and c["dtype"] == "float32")

    def leave(cell):
        if cell["id"] == target["id"]:
            cell["gradients"]["w"]["error"] = 1.2 * cell["gradients"]["w"]["bound"]

    found = drift(result, leave)
    assert [growth.where for growth in found.beyond] == [f"{target['id']} dw"]
    assert found.beyond[0].now == pytest.approx(1.2)
    assert not found.systematic


def test_growth_all_over_a_dtype_is_systematic_and_named(result):
    found = drift(result, scaled(1.6, lambda cell: cell["dtype"] == "float32" and cell["series"] == "numpy:tiled"))
    assert [growth.where for growth in found.systematic] == ["numpy:tiled float32 cpu"]
    assert found.systematic[0].factor == pytest.approx(1.6)
    assert not drift(result, scaled(1.4)).systematic  # small
    assert not drift(result, scaled(1 / 2)).systematic  # better


def test_three_lost_bits_show_though_every_verdict_is_the_same(backproof, tmp_path, result):
    (tmp_path / "old.json").write_text(result)
    model = ["--model", "multivariate", "--model", "two_layer_linear", "--dtype", "float32", "--dtype", "float64"]
    code, out, _ = backproof(
        "conform", "--backend", "tests.support.planted:coarse", *model, "--baseline", tmp_path / "old.json"
    )
    assert code == 0
    assert "numpy:reference float32 cpu: errors grew" in out
    assert "other verdicts" not in out


@pytest.mark.parametrize("seed", range(20))
def test_errors_drawn_anew_are_noise(result, seed):
    """Another order of summation: every cell's error anywhere within a factor of 8 of what it was."""
    rng = random.Random(seed)

    def redrawn(cell):
        scaled(8 ** rng.uniform(-1, 1))(cell)

    found = drift(result, redrawn)
    assert not found.systematic
    assert CHANCE <= 1e-4


def test_cells_that_were_not_asked_for_are_not_gone(backproof, tmp_path, result):
    (tmp_path / "old.json").write_text(result)
    asked = ["--backend", "numpy", "--model", "multivariate", "--dtype", "float64", "--cells", "quick"]
    out = backproof("conform", *asked, "--baseline", tmp_path / "old.json", "--json", tmp_path / "new.json")[1]
    told = json.loads((tmp_path / "new.json").read_text())["drift"]
    old = json.loads(result)["cells"]
    assert (told["gone"], len(told["not_asked"])) == ([], len(old) - told["compared"])
    counts = Counter(
        "--model" if cell["model"] != "multivariate" else "--dtype" if cell["dtype"] != "float64" else "--cells"
        for cell in old
    )
    counts["--cells"] -= told["compared"]
    said = " ".join(out.partition("not asked for now: ")[2].split())  # wherever the line is broken
    said = said.partition(" no drift")[0]
    assert sorted(said.split(", ")) == sorted(f"{count} by {option}" for option, count in counts.items())
    assert "cells gone" not in out
    then, now = json.loads(result), json.loads(result) | {"cells": []}
    then["environment"]["asked"]["dtype"] = ["float64", "float16"]  # asked for by name there, and by no name here
    assert {option for _, option in compare(then, now, "old").not_asked} == {"--dtype"}
    assert len(compare(json.loads(result), now, "old").gone) == len(old)  # asked for, and no longer there


def test_where_no_cell_is_in_both_runs_nothing_is_said_to_be_the_same(backproof, tmp_path):
    old, page = tmp_path / "old.json", tmp_path / "new.html"
    asked = ["conform", "--backend", "numpy", "--cells", "quick"]
    assert backproof(*asked, "--model", "univariate", "--json", old)[0] == 0
    out = backproof(*asked, "--model", "multivariate", "--dtype", "float64", "--baseline", old, "--html", page)[1]
    for said in (out, page.read_text()):
        assert "nothing to compare: no cell of this run is in the earlier one" in " ".join(said.lower().split())
        assert "no drift" not in said.lower()


def test_cells_of_an_interrupted_run_are_not_gone(result):
    now = json.loads(result) | {"partial": True}
    now["cells"] = now["cells"][:3]
    assert compare(json.loads(result), now, "old").gone == []
    assert len(compare(json.loads(result), now | {"partial": False}, "old").gone) > 100


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "cannot be read: No such file or directory"),
        ("", "is no result of backproof conform; give a file written by its --json"),
        ("{", "is no result of backproof conform"),
        ("[]", "is no result of backproof conform"),
        ('{"cells": []}', "is no result of backproof conform"),
        ('{"environment": {"seed": 0}, "results": []}', "is no result of backproof conform"),
    ],
)
def test_no_baseline_is_one_line_and_exit_code_2(text, message, backproof, tmp_path):
    path = tmp_path / "old.json"
    if text is not None:
        path.write_text(text)
    code, out, err = backproof(*QUICK, "--baseline", path)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert err.startswith(f"backproof: {path} ")
    assert message in err


@pytest.mark.parametrize(
    "spoil",
    [
        lambda r: r["cells"][0].update(verdict="fine"),
        lambda r: r["cells"][0].update(gradients=3),
        lambda r: r["cells"][0]["gradients"]["w"].update(error="small"),
        lambda r: r["environment"].pop("backends"),
        lambda r: r["cells"][0].pop("id"),
    ],
)
def test_a_spoilt_baseline_is_told(spoil, result, tmp_path):
    spoilt = json.loads(result)
    spoil(spoilt)
    (tmp_path / "old.json").write_text(json.dumps(spoilt))
    with pytest.raises(ValueError, match="is no result of backproof conform"):
        load(str(tmp_path / "old.json"), 0)


def test_another_seed_is_other_data(result, tmp_path):
    (tmp_path / "old.json").write_text(result)
    with pytest.raises(ValueError, match="was made with --seed 0, other data; run with that seed"):
        load(str(tmp_path / "old.json"), 7)
