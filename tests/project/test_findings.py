"""Every finding of docs/findings.md is there: its lines run, and print what the page says of the version it names."""

import platform
import re
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import pytest

PAGE = (Path(__file__).parents[2] / "docs" / "findings.md").read_text(encoding="utf-8")
FINDINGS = re.findall(r"<!-- finding: (\S+) (\S+) -->\n```python\n(.*?)```\n\n```\n(.*?)```", PAGE, re.DOTALL)


def test_the_page_has_findings():
    assert [library for library, *_ in FINDINGS] == ["mlx", "numpy", "scipy", "jax", "python-flint"]


@pytest.mark.parametrize(("library", "of", "code", "printed"), FINDINGS, ids=[finding[0] for finding in FINDINGS])
def test_a_finding_shows_with_the_version_named(library, of, code, printed):
    try:
        here = version(library)
    except PackageNotFoundError:
        pytest.skip(f"{library} is not installed")
    if library in ("numpy", "jax", "python-flint") and platform.machine() != "x86_64":
        pytest.skip("told of x86-64")
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    if here != of:
        pytest.skip(f"told of {library} {of}; with {here} it prints {ended.stdout.strip()}")
    assert ended.stdout == printed
