"""Every option of every command has a case of bad input: one that was added without is found here."""

import re

import pytest
from tests.support.bad_input import ROOT
from tests.support.cases import ARGUMENTS, FOLDERS, READERS, WRITERS
from tests.support.commands import MODULES, parsers

FILES = {" ".join(name.split()[:2]) for table in (READERS, WRITERS, FOLDERS) for name in table}


def about(argv):
    """The command and the last option of a wrong command line, or the command alone: then it is what is given to it."""
    options = [word for word in argv if word.startswith("--")]
    return " ".join([argv[0], *options[-1:]])


VALUES = {about(argv) for argv, _ in ARGUMENTS.values()}
PARSERS = parsers()


def takes(action):
    """Whether an argument is a file, and whether it is a value of another kind, by its metavar: M|FILE.py is both."""
    kinds = [re.search("FILE|PATH|FOLDER|PAGE", word) for word in (action.metavar or "").split("|")]
    return any(kinds), not all(kinds)


@pytest.mark.parametrize("command", PARSERS)
def test_every_option_has_a_case(command):
    for action in PARSERS[command]._actions:
        if action.nargs == 0:  # a flag cannot be wrong
            continue
        option = action.option_strings[-1] if action.option_strings else None
        a_file, a_value = takes(action)
        if a_file:
            assert f"{command} {option or action.metavar}" in FILES, "a case in READERS, WRITERS or FOLDERS"
        if a_value:
            assert " ".join(filter(None, (command, option))) in VALUES, "a case in ARGUMENTS"


def test_every_module_that_is_run_is_known():
    """A process that the product starts itself takes no arguments of a user's."""
    found = set()
    for room in ("reference", "backends", "benchmarks", "tools"):
        for path in (ROOT / room).rglob("*.py"):
            if '__name__ == "__main__"' in path.read_text(encoding="utf-8"):
                found.add(".".join(path.relative_to(ROOT).with_suffix("").parts))
    ours = {name.removeprefix("reference.").removesuffix(".__main__") for name in found}
    assert ours - {"backproof", "backproof.isolation.supervisor", "tools.mutate"} == set(MODULES)
