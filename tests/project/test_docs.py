"""What README, CONTRIBUTING and docs/ show is so: Python runs, commands parse and, but for those named, run too."""

import argparse
import json
import os
import re
import runpy
import subprocess
import sys
import tomllib
from fnmatch import fnmatch

import pytest
from tests.support.documents import DOCUMENTS, ROOT, blocks

# Commands that are not run here, and why. Those of ours are parsed all the same.
NOT_RUN = {
    "python3 -m venv *": "sets up: .ci/run runs the README's",
    "python -m pip install *": "sets up: .ci/run runs the README's",
    "python -m pytest*": "the tests themselves",
    "pytest *": "the tests themselves",
    "make *": "run by .ci/run",
    "pre-commit install": "changes the checkout it is run in",
    "python -m tools.mutate *": "minutes: what it measured stands beside it",
    "bash .ci/run": "CI itself",
    "mkdocs serve": "never ends; .ci/run and tests/pages/test_site.py build the site",
    "backproof conform": "the whole matrix: tests/conformance/test_matrix.py runs its cells",
    "backproof conform --backend mutants": "minutes: tests/slow/test_power.py measures it",
    "backproof conform *--capabilities docs/capabilities.md": "the whole matrix: tests/results/test_capabilities.py",
    "backproof conform --*.json": "the whole matrix, twice: tests/results/test_drift.py compares smaller ones",
    "*--device *": "asks for a GPU: tests/backends/test_gpu.py",
    "backproof prove": "tests/proofs/test_proofs.py proves them all",
    "python -m benchmarks*": "minutes of measuring: tests/benchmarks/test_benchmarks.py runs it small",
    "*--ranks *": "several processes: tests/slow/test_ranks.py runs them",
    "torchrun *": "many hosts: tests/slow/test_ranks.py runs it on this one",
    "JAX_COORDINATOR_ADDRESS=*": "many hosts: tests/slow/test_ranks.py runs it on this one",
}
# Documents whose blocks are run elsewhere.
FOLLOWED = {
    "docs/writing-a-backend.md": "tests/project/test_writing_a_backend.py: installs what it shows",
    "docs/findings.md": "tests/project/test_findings.py: of the versions it names",
}

SHELL = [
    (block.place, command)
    for document in DOCUMENTS
    for block in blocks(document)
    if block.language == "sh"
    for command in block.commands
]
NAMES = [str(document.relative_to(ROOT)) for document in DOCUMENTS]


class Parsed(Exception):
    pass


def why_not(command):
    return next((reason for pattern, reason in NOT_RUN.items() if fnmatch(str(command), pattern)), None)


@pytest.mark.filterwarnings("ignore:.*found in sys.modules:RuntimeWarning")
@pytest.mark.parametrize(("place", "command"), SHELL, ids=[f"{place}-{command}" for place, command in SHELL])
def test_commands_parse(place, command, monkeypatch, capsys):
    if command.module is None:
        assert why_not(command), f"{place}: no command of ours; say in NOT_RUN why it is not run"
        return
    module, arguments = command.module
    parse, parsing = argparse.ArgumentParser.parse_known_args, []  # which parse_args calls, and a command's own parser

    def parse_only(self, *given, **named):
        parsing.append(self)
        found, unknown = parse(self, *given, **named)
        parsing.remove(self)
        if parsing:
            return found, unknown
        if unknown:
            self.error(f"unrecognized arguments: {unknown}")
        raise Parsed

    monkeypatch.setattr(argparse.ArgumentParser, "parse_known_args", parse_only)
    monkeypatch.setattr(sys, "argv", [module, *arguments])
    try:
        runpy.run_module(module, run_name="__main__", alter_sys=True)
    except Parsed:
        return
    except SystemExit:
        pytest.fail(f"{place}: {capsys.readouterr().err}")


@pytest.mark.parametrize("name", [name for name in NAMES if name not in FOLLOWED])
def test_blocks_run(name, tmp_path, monkeypatch):
    """In order, in one folder, as a reader would."""
    document = ROOT / name
    monkeypatch.chdir(tmp_path)
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    printed = None  # by the block before
    for block in blocks(document):
        if block.language == "sh":
            printed = run(block)
        elif not block.language:
            if printed is not None:
                shown(block, printed)
            printed = None
        else:
            READ[block.language](block)


def run(block):
    """Run the commands of a block; what they print, or None where one is not run."""
    printed = ""
    for command in block.commands:
        if why_not(command):
            return None
        assert command.module, f"{block.place}: {command} is not ours to run; say why in NOT_RUN"
        module, arguments = command.module
        ended = python("-m", module, *arguments)
        assert ended.returncode == block.code, f"{block.place}: {command}: {ended.stderr}{ended.stdout[-3000:]}"
        printed += ended.stdout
    return printed


def python(*arguments):
    """A Python of its own, in the current folder, which finds modules there and what the checkout has beside it."""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join((os.getcwd(), str(ROOT)))}
    return subprocess.run([sys.executable, *arguments], env=environment, capture_output=True, text=True, check=False)


def shown(block, printed):
    """`block` was printed, wherever its lines end and whatever its numbers; `...` leaves something out."""
    rest = _without_numbers(printed)
    for part in filter(None, map(_without_numbers, re.split(r"^\.\.\.$", block.text, flags=re.MULTILINE))):
        before, found, rest = rest.partition(part)
        assert found, f"{block.place}: not printed: {part}\nbut: {before}"


def _without_numbers(text):
    return re.sub(r"[\s━─]+", " ", re.sub(r"[-+]?\d[\d.]*(e[-+]?\d+)?", "#", text)).strip()


def execute(block):
    """Python: a part of the product quoted as it stands, or run, and its tests called."""
    if any(block.text in path.read_text(encoding="utf-8") for path in (ROOT / "reference").rglob("*.py")):
        return
    file = block.file or "block.py"
    with open(file, "w", encoding="utf-8") as opened:
        opened.write(block.text)
    ended = python("-W", "error", "-c", CALL, file)
    assert ended.returncode == 0, f"{block.place}: {ended.stderr}"


CALL = """
import runpy, sys
for name, value in runpy.run_path(sys.argv[1]).items():
    if name.startswith("test_"):
        value()
"""
READ = {
    "python": execute,
    "toml": lambda block: tomllib.loads(block.text),
    "json": lambda block: json.loads(block.text),
}
