"""Files that cannot be read, or hold no result: one line on standard error that names the file, exit code 2."""

import copy
import json

import pytest
from tests.bad_input import listing, no_results, result_of, unreadable
from tests.commands import QUICK

READERS = {  # what reads a file, and its suffix
    "check": (("check",), ".py"),
    "conform --model": ((*QUICK[:-2], "--model"), ".py"),
    "conform --resume": ((*QUICK, "--resume"), ".json"),
    "conform --known-failures": ((*QUICK, "--known-failures"), ".txt"),
    "descend --data csv": (("descend", "univariate", "--data"), ".csv"),
    "descend --data npz": (("descend", "univariate", "--data"), ".npz"),
    "benchmarks.table": (("benchmarks.table",), ".json"),
    "power": (("backproof.derivation.power",), ".py"),
}


@pytest.mark.parametrize("reader", READERS)
def test_a_file_that_cannot_be_read_is_refused(reader, refused, tmp_path):
    argv, suffix = READERS[reader]
    paths = unreadable(tmp_path, suffix)
    before = listing(tmp_path)
    for path in paths.values():
        assert path in refused(*argv, path)
    assert listing(tmp_path) == before


@pytest.mark.parametrize("what", no_results())
@pytest.mark.parametrize("argv", [(*QUICK, "--resume"), ("benchmarks.table",)], ids=["resume", "table"])
def test_what_is_no_result_is_refused(argv, what, refused, tmp_path):
    (tmp_path / "r.json").write_text(no_results()[what])
    assert "is no result of" in refused(*argv, tmp_path / "r.json")


SPOILT = {  # of a good result to resume: what is put in its place
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
        assert "is no result of" in refused(*QUICK, "--dtype", "float64", "--resume", tmp_path / "spoilt.json")
