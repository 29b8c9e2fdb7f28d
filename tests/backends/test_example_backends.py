"""Backends of frameworks that are not ours, each installed from its own pyproject.toml and found by its entry point."""

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples" / "backends"
FRAMEWORKS = ("autograd", "tinygrad", "mlx")


@pytest.fixture(scope="module", params=FRAMEWORKS)
def installed(request, tmp_path_factory):
    """The framework's name, and a folder that holds its backend as `pip install` puts it there."""
    name = request.param
    if find_spec(name) is None:
        pytest.skip(f"{name} is not installed: pip install --group examples")
    site = tmp_path_factory.mktemp(name)
    options = ["--quiet", "--no-deps", "--no-build-isolation", "--no-index", "--disable-pip-version-check", "--target"]
    subprocess.run([sys.executable, "-m", "pip", "install", *options, site, EXAMPLES / name], check=True)
    return name, site


def backproof(site, *argv):
    """Run a command outside the repository, where what is installed in `site` is seen."""
    environment = {**os.environ, "PYTHONPATH": str(site)}
    return subprocess.run(
        [sys.executable, "-m", "backproof", *map(str, argv)],
        cwd=site,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_it_is_found_by_its_entry_point_and_judged(installed):
    """Every quick cell passes, or fails for the reason that its file of known failures gives."""
    name, site = installed
    known = EXAMPLES / name / "known-failures.txt"
    ended = backproof(
        site, "conform", "--backend", name, "--cells", "quick", "--known-failures", known, "--json", "r.json"
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    result = json.loads((site / "r.json").read_text())
    told = result["environment"]["backends"][name]
    assert (told["spec"], len(told["code"])) == (name, 64)
    assert {cell["model"] for cell in result["cells"]} == {
        "univariate",
        "multivariate",
        "two_layer_linear",
        "two_layer_nonlinear",
    }
    failed = {cell["id"]: cell["known"] for cell in result["cells"] if cell["verdict"] == "fail"}
    if name == "mlx":
        assert list(failed) == ["two_layer_nonlinear-mlx:grad-float64-cpu-n3m7k5-normal"]
        assert "accurate to 3e-6 only" in str(failed)
    else:
        assert failed == {}


def test_it_is_about_fifty_lines_and_imports_types_alone(installed):
    name, _ = installed
    source = (EXAMPLES / name / f"backproof_{name}.py").read_text()
    imported = [line for line in source.splitlines() if "import" in line and "backproof" in line.split("#")[0]]
    assert imported in (["from backproof import Model"], ["from backproof import Model, Series"])
    assert len(source.splitlines()) < 90


def test_anyones_derivation_runs_on_it_or_is_not_offered(installed):
    name, site = installed
    derivation = EXAMPLES.parent / "derivations" / "ridge_regression.py"
    asked = ["conform", "--backend", name, "--backend", "numpy", "--model", derivation, "--cells", "quick"]
    ended = backproof(site, *asked, "--json", "d.json")
    assert ended.returncode == 0, ended.stdout + ended.stderr
    result = json.loads((site / "d.json").read_text())
    ran = {cell["backend"] for cell in result["cells"]}
    assert ran == ({"numpy"} if name == "tinygrad" else {"numpy", name})
    assert (f"not offered by {name}: " in ended.stdout) == (name == "tinygrad")
