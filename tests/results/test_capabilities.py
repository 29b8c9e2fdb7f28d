"""The table that framework authors publish: what passes, what fails, and what is not offered, as it was run."""

import json
import re
import shlex
from pathlib import Path

DOCS = Path(__file__).parents[2] / "docs"
QUICK = ["conform", "--backend", "numpy", "--cells", "quick"]


def rows(markdown):
    """The rows of the tables, by backend and model."""
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in markdown.splitlines() if line[:1] == "|"]
    return {(row[0], row[1]): row[2:] for row in cells if row[0] not in ("backend", "---")}


def test_markdown_and_json_tell_passes_failures_and_what_is_not_offered(backproof, tmp_path):
    planted = [
        "--backend",
        "tests.support.planted:numpy_drop_two",
        "--dtype",
        "float64",
        "--dtype",
        "bfloat16",
        "--dtype",
        "float32",
    ]
    page, table = tmp_path / "c.md", tmp_path / "c.json"
    assert backproof(*QUICK, *planted, "--capabilities", page)[0] == 1
    told = rows(page.read_text())
    assert told["numpy", "univariate"] == ["3 / 3", "3 / 3", "-"]
    assert told["numpy", "two_layer_nonlinear"] == ["2 / 2", "2 / 2", "-"]
    assert told["numpy-drop_two", "multivariate"] == ["**FAIL 1 / 1**", "**FAIL 1 / 1**", "-"]
    assert "| backend | model | float64 | float32 | bfloat16 |" in page.read_text()
    assert backproof(*QUICK, *planted, "--capabilities", table)[0] == 1
    result = json.loads(table.read_text())
    by_place = {(row["backend"], row["model"], row["dtype"]): row for row in result["capabilities"]}
    assert len(by_place) == len(result["capabilities"]) == 2 * 4 * 3
    assert by_place["numpy", "univariate", "float32"]["status"] == "pass"
    assert by_place["numpy", "univariate", "bfloat16"]["status"] == "not offered"
    assert (
        by_place["numpy-drop_two", "univariate", "float32"] | {"fail": 1, "status": "fail", "pass": 0}
        == (by_place["numpy-drop_two", "univariate", "float32"])
    )


def test_a_model_nobody_runs_and_a_device_that_is_not_there(backproof, tmp_path):
    page = tmp_path / "c.md"
    derivation = Path(__file__).parents[2] / "examples" / "derivations" / "ridge_regression.py"
    asked = [*QUICK, "--backend", "numba", "--model", derivation, "--dtype", "float64", "--device", "all"]
    assert backproof(*asked, "--capabilities", page)[0] == 0
    cpu, cuda = page.read_text().split("## cuda")
    assert rows(cpu) == {("numpy", "ridge_regression.py"): ["1 / 1"], ("numba", "ridge_regression.py"): ["-"]}
    assert rows(cuda)["numpy", "ridge_regression.py"] == ["no device"]


def test_the_command_on_the_page_makes_the_page(backproof, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert backproof(*QUICK, "--model", "univariate", "--seed", "3", "--capabilities", "a b.md")[0] == 0
    first = (tmp_path / "a b.md").read_text()
    command = re.search(r"```sh\n(.*)\n```", first)[1]
    (tmp_path / "a b.md").unlink()
    assert backproof(*shlex.split(command)[1:])[0] == 0
    assert (tmp_path / "a b.md").read_text() == first


def test_another_suffix_is_told_before_anything_runs(backproof, tmp_path):
    code, out, err = backproof(*QUICK, "--capabilities", tmp_path / "c.html")
    assert (code, out) == (2, "")
    assert "its name must end in .md or .json" in err
    assert backproof(*QUICK, "--capabilities", tmp_path / "r.json", "--json", tmp_path / "r.json")[0] == 2


def test_the_published_page_is_of_our_backends_and_none_fails():
    page = (DOCS / "capabilities.md").read_text(encoding="utf-8")
    assert "--capabilities docs/capabilities.md" in page
    told = rows(page)
    assert {backend for backend, _ in told} == {"numpy", "numba", "torch", "jax"}
    assert len(told) == 16
    assert "FAIL" not in str(told)
    assert all(re.fullmatch(r"\d+ / \d+", cell) for row in told.values() for cell in row[:2])  # float64, float32
