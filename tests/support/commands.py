"""Every command that a user runs: those of `backproof`, and the modules for `python -m`; and their parsers."""

import importlib
import io
import json
import sys
from contextlib import redirect_stderr, redirect_stdout
from unittest.mock import patch

from tests.support.bad_input import ROOT

from backproof.cli import main as backproof
from backproof.console.parser import Parser

MODULES = (
    "tools.diagnosis_power", "benchmarks", "benchmarks.bare", "benchmarks.closed_form", "benchmarks.compare",
    "benchmarks.exponents",
    "benchmarks.page", "benchmarks.parts", "benchmarks.scaling", "benchmarks.streaming", "benchmarks.table",
)  # fmt: skip
STUDIES = ("benchmarks.bare", "benchmarks.closed_form", "benchmarks.exponents", "benchmarks.parts")

QUICK = ("conform", "--backend", "numpy", "--cells", "quick", "--model", "univariate")
DESCEND = ("descend", "univariate", "--steps", "2")
RESULT = str(next((ROOT / "benchmarks" / "results").glob("*-goals-univariate.json")))
RIDGE = str(ROOT / "examples" / "derivations" / "ridge_regression.py")


def main(*argv):
    """The exit code of a command line, in this process; the name of a module stands for `python -m` it."""
    name, *rest = map(str, argv)
    if name not in MODULES:
        try:
            return backproof([name, *rest])
        except SystemExit as ended:
            return ended.code
    try:
        module = importlib.import_module(f"{name}.__main__")
    except ModuleNotFoundError:
        module = importlib.import_module(name)
    return module.main(rest)


def with_file(argv, path):
    """A command line in which "@" stands for a file."""
    return [path if word == "@" else word for word in argv]


def parsers():
    """The parser of every command, by what its command line begins with."""
    seen = []

    def see(parser, *_):
        seen.append(parser)
        sys.exit(0)

    with patch.object(Parser, "parse_known_args", see):
        for name in ("backproof", *MODULES):
            main(name)
    whole, *modules = seen
    (commands,) = (action.choices for action in whole._actions if isinstance(action.choices, dict))
    return {**commands, **dict(zip(MODULES, modules, strict=True))}


def told(argv):
    """Exit code, standard output and standard error of a command line."""
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        code = main(*argv)
    return code, out.getvalue(), err.getvalue()


if __name__ == "__main__":  # command lines as JSON: for a process with another user's rights
    print(json.dumps([told(argv) for argv in json.loads(sys.argv[1])]))
