"""Commands and readers under spoilt input of every kind: never a traceback, always an exit code of the contract."""

import io
import json
import multiprocessing.process
import subprocess

import pytest
from benchmarks import table as benchmarks_table
from benchmarks.page import page
from hypothesis import example, given, settings
from hypothesis import strategies as st
from rich.console import Console
from tests.support.bad_input import ROOT
from tests.support.commands import main, parsers
from tests.support.derivations import LINEAR
from tests.support.fuzzing import ANYTHING, one_line_or_fine

from backproof import InputError
from backproof.cli import descend, prove
from backproof.conformance.session import Session
from backproof.descent.ranks import launch
from backproof.evidence.fingerprint import fingerprint
from backproof.evidence.manifest import together
from backproof.results import drift, drift_text, resume
from backproof.results.encode import as_json, as_junit
from backproof.results.table import closing, findings, table, times

RESULT = next((ROOT / "benchmarks" / "results").glob("*-goals-univariate.json"))
MODELS = ("univariate", "multivariate", "two_layer_linear", "two_layer_nonlinear")


PARSERS = parsers()
ODD = ["-x", "--", "-", "--json=", "--seed=-1", "--steps=1e3", "--version"]
VALUES = [
    *MODELS, "numpy", "torch", "all", "nope:x", ":", "float32", "cpu", "cuda", "quick", "full", "0", "-1", "1", "nan",
    "inf", "1e400", "9" * 400, "", "/", "/dev/null", "/proc/x", "\n", "\x1b[31m", "\udcff", "é", "bmi", "pca", "x.svg",
    "x.html", "x.md", "diabetes", "4,8,2", "numpy:reference",
]  # fmt: skip


OPTIONS = {name: [o for action in p._actions for o in action.option_strings] for name, p in PARSERS.items()}


@st.composite
def lines(draw, file):
    """Command lines: options that the command's parser has, with values of every kind, and words out of place."""
    command = draw(st.sampled_from(sorted(PARSERS)))
    values = st.sampled_from([*VALUES, str(file)]) | st.text("abc=-,.[]0:", max_size=6)
    given_ = st.tuples(st.sampled_from(OPTIONS[command]), values)
    odd = st.sampled_from([*ODD, *OPTIONS[draw(st.sampled_from(sorted(PARSERS)))]]) | values
    words = draw(st.lists(given_ | given_ | st.tuples(odd), max_size=4))
    return [command, *draw(st.lists(values, max_size=1)), *(word for some in words for word in some)]


@pytest.fixture
def no_work(monkeypatch, tmp_path):
    """What is asked for is looked at, and nothing runs that would take time."""

    def refuse(*_, **__):
        raise InputError("no work here")

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(Session, "open", refuse)
    monkeypatch.setattr(multiprocessing.process.BaseProcess, "start", refuse)
    monkeypatch.setattr(subprocess.Popen, "__init__", refuse)
    for where in (
        "backproof.conformance.session.start", "backproof.pages.explain.passes.one_pass", "benchmarks.parts._cell",
        "benchmarks.closed_form.compare", "benchmarks.scaling.joinable", "benchmarks.streaming.joinable",
        "benchmarks.streaming._file", "tools.diagnosis_power.__main__.measure",
        "tools.diagnosis_power.__main__.survive",
    ):  # fmt: skip
        monkeypatch.setattr(where, refuse)
    monkeypatch.setattr(launch, "launch", lambda arguments, ranks: 0)
    monkeypatch.setattr(prove, "_prove", lambda models, quiet: ([], []))
    monkeypatch.setattr(descend, "MOST_STEPS", 10**6)
    (tmp_path / "file.py").write_text(LINEAR)
    return tmp_path / "file.py"


def test_any_arguments(no_work, capfd):
    @settings(max_examples=600, deadline=None)
    @given(line=lines(no_work))
    def any_arguments(line):
        before = set(no_work.parent.iterdir())
        code, (_, err) = main(*line), capfd.readouterr()
        assert code in (0, 2), err
        if code == 2:
            assert err.count("\n") == 1, err
            assert err[:-1].isprintable()
            assert set(no_work.parent.iterdir()) == before
        else:
            assert err == ""

    any_arguments()


def places(value, path=()):
    """Every place in nested lists and dicts."""
    found = [path]
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        found += places(inner, (*path, key))
    return found


def spoilt(value, path, new):
    """`value` with `new` at `path`; "gone" takes the key away."""
    if not path:
        return new
    copy = value.copy()
    if len(path) == 1 and new == "gone":
        del copy[path[0]]
    else:
        copy[path[0]] = spoilt(value[path[0]], path[1:], new)
    return copy


SPOILS = ANYTHING | st.sampled_from(["gone", 10**400, -1, "inf", "nan", "\ud800", True])


@pytest.fixture(scope="module")
def result():
    """A session, and the result of a run of it with all kinds of verdicts."""
    from backproof.conformance.runner import run

    session = Session.open(["tests.support.planted:numpy_drop_two"], ["univariate"], ["float64"], cells="quick")
    reports = list(run(session.cells, session.workers))
    session.close()
    good = json.loads(json.dumps(as_json(session.environment(), reports, manifests=session.manifests())))
    for manifest in (good["manifests"]["judge"], *good["manifests"]["backends"].values()):  # a few of each will do
        for kind in ("files", "modules"):
            manifest[kind] = dict(list(manifest[kind].items())[:2])
        manifest["installed"] = manifest["installed"][:1]
        for group in manifest["installed"]:
            group["files"] = group["files"][:2]
            group["digest"] = together({name: fingerprint(f"{group['folder']}/{name}") for name in group["files"]})
    return session, good


def test_any_spoilt_result_to_resume_or_as_baseline(result, tmp_path):
    session, good = result
    where = places(good)
    (tmp_path / "r.json").write_text(json.dumps(good))
    assert len(resume.take(str(tmp_path / "r.json"), good, session).reports) == len(session.cells)

    @settings(max_examples=400, deadline=None)
    @example(path=("cells", 0, "seconds"), new=10**400)
    @example(path=("cells", 0, "id"), new=-1)
    @example(path=("cells", 0, "loss", "error"), new=10**400)
    @given(path=st.sampled_from(where), new=SPOILS)
    def any_spoilt(path, new):
        (tmp_path / "r.json").write_text(json.dumps(spoilt(good, path, new)))
        file = str(tmp_path / "r.json")
        then = one_line_or_fine(drift.load, file, 0)
        if then is not None:
            for line in drift_text.lines(drift.compare(then, good, file)):
                Console(file=io.StringIO(), width=80).print(line)
        taken = one_line_or_fine(lambda: resume.take(file, resume.read(file), session))
        for line in taken.again if taken else ():
            assert line.startswith("--resume: ")
            assert line.isprintable()
        if taken and (reports := taken.reports):
            json.dumps(as_json(session.environment(), reports))
            as_junit(reports).encode(errors="backslashreplace")
            console = Console(file=io.StringIO(), width=80)
            for told in (table(reports), *findings(reports), *times(reports), closing(reports, 1.0)):
                console.print(told)

    any_spoilt()


def test_any_spoilt_result_as_a_table_or_page_of_benchmarks(tmp_path):
    good = json.loads(RESULT.read_text(encoding="utf-8"))
    good["results"] = good["results"][:2]
    for one in good["results"]:
        one["samples"] = one["samples"][:2]
    where = places(good)

    @settings(max_examples=300, deadline=None)
    @given(path=st.sampled_from(where), new=SPOILS)
    def any_spoilt(path, new):
        (tmp_path / "r.json").write_text(json.dumps(spoilt(good, path, new)))
        one_line_or_fine(benchmarks_table.shown, str(tmp_path / "r.json"), benchmarks_table.markdown)
        one_line_or_fine(benchmarks_table.shown, str(tmp_path / "r.json"), page)

    any_spoilt()
