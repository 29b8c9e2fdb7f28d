"""Where tests lie, what they import of each other, and that the public names are listed and documented."""

import ast
import re
from pathlib import Path

import pytest

import backproof

ROOT = Path(__file__).parents[2]
FILES = sorted((ROOT / "tests").rglob("*.py"))
NAMED = re.compile(r"tests(?:\.\w+)*\.test_\w+(?=[:.])")  # as a backend is named: tests.room.test_file:Backend


def imported(tree):
    """Every module a file imports, and every name it imports from one, as dotted names."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{'.' * node.level}{node.module or ''}.{alias.name}" for alias in node.names)


def of_test_files(text):
    tree = ast.parse(text)
    named = [node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)]
    found = [name for name in imported(tree) if any(part.startswith("test_") for part in name.split("."))]
    return found + [match for value in named for match in NAMED.findall(value)]


def test_tests_lie_in_folders():
    assert not list((ROOT / "tests").glob("test_*.py"))


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.relative_to(ROOT).as_posix())
def test_no_test_file_is_imported_by_another(file):
    assert of_test_files(file.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    "line",
    [
        "from tests.cli.test_cli import QUICK",
        "from tests.cli import test_cli",
        "import tests.cli.test_cli as cli",
        "def f():\n    from .test_cli import QUICK",
        "load('tests.hosting.test_' 'registry:Fails')",
    ],
)
def test_such_an_import_is_seen(line):
    assert of_test_files(line)


def test_what_is_public_is_listed_and_there():
    assert set(dir(backproof)) >= set(backproof.__all__)
    assert set(backproof.LATER) <= set(backproof.__all__)
    for name in backproof.__all__:
        assert getattr(backproof, name) is not None


def test_the_reference_has_all_that_is_public():
    page = (ROOT / "docs/api/index.md").read_text(encoding="utf-8")
    (members,) = re.findall(r"^::: backproof\n    options:\n      members: \[(.*)\]$", page, re.MULTILINE)
    assert set(members.split(", ")) == set(backproof.__all__) - {"__version__"}
