"""Places that cannot be written: refused before any work, and nothing is left half-written."""

import pytest
from tests.bad_input import listing, run, unwritable
from tests.commands import DESCEND, QUICK, RIDGE, STUDIES

from backproof.conformance.worker import Worker

WRITERS = {  # what writes a file, and its suffix where that matters
    "conform --json": ((*QUICK, "--json"), ""),
    "conform --junit": ((*QUICK, "--junit"), ""),
    "conform --html": ((*QUICK, "--html"), ".html"),
    "explain --html": (("explain", "univariate", "--html"), ".html"),
    "check --json": (("check", RIDGE, "--json"), ""),
    "prove --json": (("prove", "univariate", "--json"), ""),
    "prove --latex": (("prove", "univariate", "--latex"), ""),
    "prove --markdown": (("prove", "univariate", "--markdown"), ""),
    "explain --json": (("explain", "univariate", "--json"), ""),
    "descend --json": ((*DESCEND, "--json"), ""),
    "descend --out": ((*DESCEND, "--out"), ".svg"),
    "backends --json": (("backends", "--json"), ""),
    "benchmarks --json": (("benchmarks", "--json"), ""),
    **{f"{name} --plot": ((name, "--plot"), ".png") for name in STUDIES},
    **{f"{name} --json": ((name, "--json"), "") for name in STUDIES},
}


@pytest.mark.parametrize("writer", WRITERS)
def test_a_place_that_cannot_be_written_is_refused_before_any_work(writer, refused, tmp_path, monkeypatch):
    monkeypatch.setattr(Worker, "start", lambda self: pytest.fail("a backend was started"))
    argv, suffix = WRITERS[writer]
    places = unwritable(tmp_path, suffix)
    before = listing(tmp_path)
    for place in places.values():
        refused(*argv, place)
    assert listing(tmp_path) == before


@pytest.mark.parametrize("place", ["file/plots", "time.png is a folder"])
def test_a_folder_of_plots_that_cannot_be_written_is_refused(place, refused, tmp_path):
    (tmp_path / "file").write_text("kept")
    (tmp_path / "plots" / "time.png").mkdir(parents=True)
    refused("benchmarks", "--plots", tmp_path / (place if place.startswith("file") else "plots"))


FULL = {
    "conform": (*QUICK, "--dtype", "float64", "--json", "/dev/full"),
    "check": ("check", RIDGE, "--json", "/dev/full"),
    "prove": ("prove", "univariate", "--markdown", "/dev/full"),
    "descend": (*DESCEND, "--json", "/dev/full"),
    "explain": ("explain", "univariate", "--json", "/dev/full"),
}


@pytest.mark.parametrize("command", FULL)
def test_a_full_disk_is_one_line(command, backproof):
    code, _, err = backproof(*FULL[command])
    assert code == 2
    assert err == "backproof: /dev/full cannot be written: No space left on device; name another file\n"


@pytest.mark.parametrize("argv", [("--help",), ("check", "--help"), ("--version",)])
def test_help_for_a_full_disk_is_one_line(argv):
    code, _, err = run(*argv, shell=">/dev/full")
    assert (code, err.count("\n")) == (2, 1)
