"""Places that cannot be written: refused before any work, and nothing is left half-written."""

import subprocess
from multiprocessing.process import BaseProcess

import pytest
from tests.support.bad_input import listing, run, unwritable
from tests.support.cases import FOLDERS, WRITERS
from tests.support.commands import main, with_file


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
