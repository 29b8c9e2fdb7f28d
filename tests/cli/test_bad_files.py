"""Files that cannot be read, or hold no result: one line on standard error that names the file, exit code 2."""

import copy
import json
import os
import subprocess

import pytest
from tests.support.bad_input import listing, no_results, result_of, unreadable
from tests.support.cases import READERS
from tests.support.commands import QUICK, with_file

from backproof.core import files

MAY_BE_MISSING = ("descend --checkpoint",)


@pytest.mark.parametrize("reader", READERS)
def test_a_file_that_cannot_be_read_is_refused(reader, refused, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    argv, suffix = READERS[reader]
    paths = unreadable(tmp_path, suffix)
    if reader in MAY_BE_MISSING:
        del paths["missing"]
    before = listing(tmp_path)
    for path in paths.values():
        assert path in refused(*with_file(argv, path))
    assert listing(tmp_path) == before


@pytest.mark.parametrize("reader", READERS)
def test_a_pipe_without_end_is_refused(reader, refused, tmp_path, monkeypatch):
    """Fed for ever by another process, which ends with the test; 1 MiB is much where a GiB would be read."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(files, "MOST_TEXT", 2**20)
    argv, suffix = READERS[reader]
    os.mkfifo(tmp_path / f"pipe{suffix}")
    with open(tmp_path / f"pipe{suffix}", "r+b", buffering=0) as pipe:  # for both, so that nobody waits
        endless = subprocess.Popen(["yes", "1,2"], stdout=pipe)
        try:
            assert f"pipe{suffix}" in refused(*with_file(argv, f"pipe{suffix}"))
        finally:
            endless.kill()
            endless.wait()


RESULTS = [name for name, (_, suffix) in READERS.items() if suffix == ".json"]


@pytest.mark.parametrize("reader", RESULTS)
def test_what_is_no_result_is_refused(reader, refused, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for text in no_results().values():
        (tmp_path / "r.json").write_text(text)
        assert "r.json is no result of" in refused(*with_file(READERS[reader][0], "r.json"))
    assert [path.name for path in tmp_path.iterdir()] == ["r.json"]


SPOILT = {  # of a good result: what is put in its place
    "an error that is no number": ("error", "large"),
    "an error beyond float64": ("error", 10**400),
    "an index of text": ("worst_index", ["a"]),
    "no verdict": ("verdict", "maybe"),
    "a bound of text": ("bound", {"a": 1}),
}


def test_a_spoilt_result_is_no_result(backproof, refused, tmp_path):
    good = result_of(backproof, tmp_path, *QUICK, "--dtype", "float64")
    for key, value in SPOILT.values():
        result = copy.deepcopy(good)
        next(iter(result["cells"][0]["gradients"].values()))[key] = value
        (tmp_path / "spoilt.json").write_text(json.dumps(result))
        for option in ("--resume", "--baseline") if key in ("error", "bound") else ("--resume",):  # drift takes ratios
            assert "is no result of" in refused(*QUICK, "--dtype", "float64", option, tmp_path / "spoilt.json")
