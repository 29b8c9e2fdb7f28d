"""The wheel and the sdist: what is in them, and that the wheel works outside the checkout, frameworks or none."""

import itertools
import json
import os
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from email.parser import Parser
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
PACKAGES = {
    source: sorted(folder.parent.name for folder in (ROOT / source).glob("*/__init__.py"))
    for source in ("reference", "backends")
}
HEAVY = (
    "torch",
    "jax",
    "numba",
    "cupy",
    "sympy",
    "flint",
    "matplotlib",
    "sklearn",
    "plotly",
    "jinja2",
    "array_api_compat",
)


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """A folder with the wheel and the sdist."""
    pytest.importorskip("hatchling", reason="hatchling is not installed")
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "hatchling", "build", "-d", folder]
    subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return folder


@pytest.fixture(scope="module")
def wheel(built):
    with zipfile.ZipFile(next(built.glob("*.whl"))) as file:
        yield file


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory):
    """The wheel laid out as pip would in a folder of packages, and an empty folder to work in."""
    folder = tmp_path_factory.mktemp("installed")
    wheel.extractall(folder / "packages")
    (folder / "work").mkdir()
    return folder


def run(installed, *arguments):
    """Python in the empty folder, which finds the wheel's packages before those of the checkout."""
    environment = os.environ | {"PYTHONPATH": str(installed / "packages")}
    return subprocess.run(
        [sys.executable, *map(str, arguments)],
        cwd=installed / "work",
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def kept(path):
    return path.is_file() and "__pycache__" not in path.parts


def test_the_wheel_holds_the_product_and_nothing_else(wheel):
    wanted = {
        path.relative_to(ROOT / source).as_posix()
        for source, names in PACKAGES.items()
        for name in names
        for path in filter(kept, (ROOT / source / name).rglob("*"))
    }
    assert {f"{name}/py.typed" for names in PACKAGES.values() for name in names} <= wanted
    assert "backproof/pages/templates/base.html.j2" in wanted
    found = {name for name in wheel.namelist() if ".dist-info/" not in name}
    assert found == wanted


def test_its_metadata_is_that_of_the_project(wheel):
    def text(name):
        return wheel.read(f"backproof-{PROJECT['version']}.dist-info/{name}").decode()

    metadata = Parser().parsestr(text("METADATA"))
    assert metadata["Name"] == "backproof"
    assert metadata["Requires-Python"] == ">=3.11"
    assert metadata["License-Expression"] == "MIT"
    assert set(metadata.get_all("Provides-Extra")) == set(PROJECT["optional-dependencies"])
    plain = [line for line in metadata.get_all("Requires-Dist") if "extra ==" not in line]
    assert sorted(plain) == sorted(PROJECT["dependencies"])
    assert metadata.get_payload().startswith("# backproof")
    entries = text("entry_points.txt")
    assert "[console_scripts]\nbackproof = backproof.cli:main\n" in entries
    for name, place in PROJECT["entry-points"]["backproof.backends"].items():
        assert f"{name} = {place}\n" in entries
    assert "The backproof authors" in text("licenses/LICENSE")


def test_the_sdist_holds_what_is_developed_and_nothing_that_is_made(built):
    with tarfile.open(next(built.glob("*.tar.gz"))) as file:
        names = {name.partition("/")[2] for name in file.getnames()}
    wanted = {
        "README.md",
        "tests/project/test_packaging.py",
        "tools/mutate.py",
        "docs/derivations.md",
        "constraints.txt",
        ".ci/run",
    }
    assert wanted <= set(names)
    assert not [name for name in names if name.startswith(("site/", ".venv", ".git/", "dist/")) or "pycache" in name]


def test_the_lowest_versions_tried_are_the_lowest_promised():
    lines = (ROOT / "constraints-lowest.txt").read_text(encoding="utf-8").splitlines()
    tried = {pin.name: next(iter(pin.specifier)).version for pin in map(Requirement, lines[1:])}
    extras = PROJECT["optional-dependencies"].values()
    asked = [Requirement(line) for line in itertools.chain(PROJECT["dependencies"], *extras)]
    promised = [requirement for requirement in asked if requirement.name != PROJECT["name"]]
    assert len(promised) > 10
    for requirement in promised:
        lowest = {s.version for s in requirement.specifier if s.operator == ">="}
        assert [Version(version) for version in lowest] == [Version(tried[requirement.name])], requirement


def test_the_version_is_one():
    import backproof

    citation = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert backproof.__version__ == PROJECT["version"]
    assert f"\nversion: {PROJECT['version']}\n" in citation


def test_the_citation_has_what_its_schema_requires():
    yaml = pytest.importorskip("yaml", reason="PyYAML is not installed")
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert {"cff-version", "message", "title", "authors"} <= set(citation)
    assert citation["cff-version"] == "1.2.0"
    assert all(author["name"] for author in citation["authors"])
    assert citation["license"] == PROJECT["license"]


def test_it_is_the_installed_one_that_is_tried(installed):
    ended = run(installed, "-c", "import backproof, backproof_numpy as n; print(backproof.__file__, n.__file__)")
    assert [str(installed / "packages") in path for path in ended.stdout.split()] == [True, True], ended.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--help"], "usage: backproof"),
        (["conform", "--backend", "numpy", "--cells", "quick"], "22 pass"),
        (["prove", "univariate"], "proved: 2 of 2 equations"),
        (["check", ROOT / "examples/derivations/ridge_regression.py"], "pass "),
    ],
    ids=lambda value: str(value[0]) if isinstance(value, list) else "",
)
def test_it_works_outside_the_checkout(installed, arguments, said):
    ended = run(installed, "-m", "backproof", *arguments)
    assert ended.returncode == 0, ended.stderr
    assert said in ended.stdout
    assert not list((installed / "work").iterdir())


def test_frameworks_are_imported_only_where_they_are_used(installed):
    code = f"import sys, backproof, backproof.cli; print([name for name in {HEAVY} if name in sys.modules])"
    ended = run(installed, "-c", code)
    assert ended.stdout == "[]\n", ended.stderr


@pytest.mark.parametrize(
    ("arguments", "seconds"), [(["-c", "import backproof"], 0.3), (["-m", "backproof", "--help"], 0.5)], ids=str
)
def test_it_starts_at_once(installed, arguments, seconds):
    """Seconds of the processor, the best of five, so that a busy machine matters less: within twice the aim."""
    code = (
        "import json, resource, subprocess, sys\n"
        "subprocess.run([sys.executable, *sys.argv[1:]], stdout=subprocess.DEVNULL, check=True)\n"
        "used = resource.getrusage(resource.RUSAGE_CHILDREN)\n"
        "print(json.dumps(used.ru_utime + used.ru_stime))"
    )
    spent = [json.loads(run(installed, "-c", code, *arguments).stdout) for _ in range(5)]
    assert min(spent) < 2 * seconds
