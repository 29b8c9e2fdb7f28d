"""Places that cannot be written: refused before any work, and nothing is left half-written."""

import subprocess
from multiprocessing.process import BaseProcess

import pytest
from tests.support.bad_input import listing, run, unwritable
from tests.support.commands import DESCEND, QUICK, RESULT, RIDGE, STUDIES, main, with_file

WRITERS = {  # what writes a file: the command line, "@" being the file, and its suffix where that matters
    "conform --json": ((*QUICK, "--json", "@"), ""),
    "conform --junit": ((*QUICK, "--junit", "@"), ""),
    "conform --html": ((*QUICK, "--html", "@"), ".html"),
    "conform --capabilities": ((*QUICK, "--capabilities", "@"), ".md"),
    "check --json": (("check", RIDGE, "--json", "@"), ""),
    "prove --json": (("prove", "univariate", "--json", "@"), ""),
    "prove --latex": (("prove", "univariate", "--latex", "@"), ""),
    "prove --markdown": (("prove", "univariate", "--markdown", "@"), ""),
    "explain --json": (("explain", "univariate", "--json", "@"), ""),
    "explain --html": (("explain", "univariate", "--html", "@"), ".html"),
    "descend --json": ((*DESCEND, "--json", "@"), ""),
    "descend --out": ((*DESCEND, "--out", "@"), ".svg"),
    "descend --checkpoint": ((*DESCEND, "--checkpoint", "@"), ""),
    "backends --json": (("backends", "--json", "@"), ""),
    "benchmarks --json": (("benchmarks", "--json", "@"), ""),
    "benchmarks --html": (("benchmarks", "--html", "@"), ".html"),
    "benchmarks.page PAGE": (("benchmarks.page", RESULT, "@"), ".html"),
    "benchmarks.scaling --json": (("benchmarks.scaling", "--json", "@"), ""),
    "benchmarks.scaling --out": (("benchmarks.scaling", "--out", "@"), ".svg"),
    "benchmarks.streaming --json": (("benchmarks.streaming", "--json", "@"), ""),
    **{f"{name} --json": ((name, "--json", "@"), "") for name in STUDIES},
    **{f"{name} --plot": ((name, "--plot", "@"), ".png") for name in STUDIES},
}


@pytest.fixture
def no_process(monkeypatch):
    """Work is done in processes of its own; none is started."""
    for kind, start in ((BaseProcess, "start"), (subprocess.Popen, "__init__")):
        monkeypatch.setattr(kind, start, lambda *_, **__: pytest.fail("a process was started"))


@pytest.mark.parametrize("writer", WRITERS)
def test_a_place_that_cannot_be_written_is_refused_before_any_work(writer, refused, tmp_path, no_process):
    argv, suffix = WRITERS[writer]
    places = unwritable(tmp_path, suffix)
    before = listing(tmp_path)
    for place in places.values():
        refused(*with_file(argv, place))
    assert listing(tmp_path) == before


FOLDERS = {  # what writes into a folder, and whether it makes it
    "benchmarks --plots": (("benchmarks", "--plots", "@"), True),
    "benchmarks.streaming --folder": (("benchmarks.streaming", "--folder", "@"), False),
}


@pytest.mark.parametrize("writer", FOLDERS)
def test_a_folder_that_cannot_be_written_is_refused_before_any_work(writer, refused, tmp_path, no_process):
    argv, made = FOLDERS[writer]
    places = unwritable(tmp_path)
    del places["a folder"]
    if made:
        del places["no folder"]
    before = listing(tmp_path)
    for place in [*places.values(), tmp_path / "plain"]:
        refused(*with_file(argv, place))
    assert listing(tmp_path) == before


def test_plots_that_cannot_be_written_are_refused_and_leave_no_folder(refused, tmp_path, no_process):
    (tmp_path / "plots" / "time.png").mkdir(parents=True)
    refused("benchmarks", "--plots", tmp_path / "plots")
    refused("benchmarks", "--plots", tmp_path / "new" / "plots", "--model", "resnet")
    assert [path.name for path in tmp_path.iterdir()] == ["plots"]


QUICK_ENOUGH = ("conform", "check", "prove", "descend", "explain", "benchmarks.page")
FULL = [name for name in WRITERS if name.split()[0] in QUICK_ENOUGH]
FULL.remove("descend --checkpoint")  # nothing is kept on a device
FULL.remove("descend --out")  # seconds


@pytest.mark.parametrize("writer", FULL)
def test_a_full_disk_is_one_line(writer, tmp_path, capsys):
    argv, suffix = WRITERS[writer]
    full = tmp_path / f"full{suffix}"
    full.symlink_to("/dev/full")
    assert main(*with_file(argv, full)) == 2
    err = capsys.readouterr().err
    assert err.endswith(f": {full} cannot be written: No space left on device; name another file\n")
    assert err.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == [full.name]


@pytest.mark.parametrize("argv", [("--help",), ("check", "--help"), ("--version",)])
def test_help_for_a_full_disk_is_one_line(argv):
    code, _, err = run(*argv, shell=">/dev/full")
    assert (code, err.count("\n")) == (2, 1)
