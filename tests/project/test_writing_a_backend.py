"""docs/writing-a-backend.md, followed word by word in an empty folder: its files written, its commands run."""

import os
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "writing-a-backend.md").read_text(encoding="utf-8")
EXAMPLE = ROOT / "examples" / "backends" / "autograd"
STEP = re.compile(
    r"<!-- file: (?P<file>\S+) -->\n```\w*\n(?P<text>.*?)```"
    r"|<!-- change: (?P<old>.*?) -> (?P<new>.*?) -->"
    r"|<!-- run(?:: (?P<code>\d))? -->\n```sh\n(?P<commands>.*?)```\n\n```\n(?P<printed>.*?)```",
    re.DOTALL,
)
OFFLINE = ["--quiet", "--no-deps", "--no-build-isolation", "--no-index", "--disable-pip-version-check", "--target"]


def words(text):
    return " ".join(text.split())


def run(command, folder):
    """One command as the page has it, with this interpreter; what pip installs goes into the folder `site`."""
    program, *arguments = command.split()
    if program == "python":
        assert arguments[:3] == ["-m", "pip", "install"]
        argv = [*arguments[:3], *OFFLINE, str(folder / "site"), *arguments[3:]]
    else:
        assert program == "backproof"
        argv = ["-m", "backproof", *arguments]
    environment = {**os.environ, "PYTHONPATH": str(folder / "site")}
    return subprocess.run(
        [sys.executable, *argv], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )


@pytest.mark.skipif(find_spec("autograd") is None, reason="autograd is not installed: pip install --group examples")
def test_the_page_leads_from_nothing_to_a_verdict(tmp_path):
    steps, undone = list(STEP.finditer(PAGE)), None
    assert [kind for step in steps for kind in ("file", "old", "commands") if step[kind]] == [
        "file", "commands", "old", "commands", "file", "commands", "file", "commands", "commands",
    ]  # fmt: skip
    for step in steps:
        if step["file"]:
            (tmp_path / step["file"]).write_text(step["text"])
        elif step["old"]:
            undone = (tmp_path / "backproof_autograd.py").read_text()
            assert step["old"] in undone
            (tmp_path / "backproof_autograd.py").write_text(undone.replace(step["old"], step["new"]))
        else:
            for command in step["commands"].strip().splitlines():
                ended = run(command, tmp_path)
                assert ended.returncode == int(step["code"] or 0), ended.stdout + ended.stderr
            for line in step["printed"].strip().splitlines():
                assert words(line) in words(ended.stdout), ended.stdout
            if undone:
                (tmp_path / "backproof_autograd.py").write_text(undone)
    assert "| autograd | univariate |" in (tmp_path / "capabilities.md").read_text()


def test_the_page_shows_the_example_as_it_is():
    shown = {step["file"]: step["text"] for step in STEP.finditer(PAGE) if step["file"]}
    for name in ("backproof_autograd.py", "pyproject.toml"):
        assert shown[name] == (EXAMPLE / name).read_text(encoding="utf-8")
    assert shown["known-failures.txt"].split()[0] in (EXAMPLE / "known-failures.txt").read_text(encoding="utf-8")
