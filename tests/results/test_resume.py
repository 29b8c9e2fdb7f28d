"""Interrupted runs taken up again, known failures, and backends that take too much memory."""

import json

import pytest

from backproof.cli import main
from backproof.conformance.cells import Cell, Problem
from backproof.conformance.decide import tasks
from backproof.hosting.evaluation import Evaluation, Failure
from backproof.hosting.worker import Worker

QUICK = ["conform", "--backend", "numpy", "--cells", "quick"]
ONE = [*QUICK, "--model", "univariate"]


def test_a_resumed_run_is_the_whole_run_and_repeats_only_what_is_missing(backproof, tmp_path):
    whole, part, resumed = (tmp_path / name for name in ("whole.json", "part.json", "resumed.json"))
    backproof(*QUICK, "--json", whole)
    result = json.loads(whole.read_text())
    result["cells"] = result["cells"][:5]
    for cell in result["cells"]:
        cell["seconds"] = 12345.0  # marks what is taken over
    part.write_text(json.dumps(result))
    code, out, _ = backproof(*QUICK, "--resume", part, "--json", resumed)
    assert code == 0
    assert "22 cells: 22 pass" in out
    cells = {cell["id"]: cell for cell in json.loads(resumed.read_text())["cells"]}
    assert sum(cell["seconds"] == 12345.0 for cell in cells.values()) == 5
    for cell in json.loads(whole.read_text())["cells"]:
        same = cells[cell["id"]]
        assert {**same, "seconds": 0} == {**cell, "seconds": 0}


def test_errors_are_run_again(backproof, tmp_path):
    path = tmp_path / "r.json"
    backproof(*QUICK, "--json", path)
    result = json.loads(path.read_text())
    result["cells"][0] |= {"verdict": "error", "reason": "its process died"}
    path.write_text(json.dumps(result))
    assert "22 pass" in backproof(*QUICK, "--resume", path)[1]


NO_RESULT = "is no result of backproof conform"


@pytest.mark.parametrize(
    "spoil",
    [
        lambda result: result["cells"][0].update(gradients={}),
        lambda result: result["cells"][0].update(seconds="fast"),
        lambda result: result.pop("cells"),
        lambda result: result["cells"][0].update(verdict="fine"),
        lambda result: result["cells"][0]["gradients"].update(w=3),
        lambda result: result["environment"].update(backends=[]),
        lambda result: result["manifests"].pop("judge"),
        lambda result: result["manifests"]["backends"]["numpy"].pop("files"),
        lambda result: result["manifests"]["backends"]["numpy"].update(files={"a": 1}),
        lambda result: result["manifests"]["backends"]["numpy"].update(modules={"a": [1]}),
        lambda result: result["manifests"]["backends"]["numpy"].update(installed=[{"folder": "/a", "digest": "b"}]),
        lambda result: result["manifests"]["backends"].update(numpy=None),
    ],
)
def test_what_is_no_result_is_one_clear_error(spoil, whole, backproof, tmp_path):
    path, result = tmp_path / "r.json", json.loads(whole)
    spoil(result)
    path.write_text(json.dumps(result))
    code, _, err = backproof(*ONE, "--resume", path)
    assert (code, err) == (2, f"backproof: {path} {NO_RESULT}; give a file written by its --json\n")


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The text of a result of `ONE`."""
    path = tmp_path_factory.mktemp("whole") / "r.json"
    with pytest.raises(SystemExit) as exited:
        main([*ONE, "--json", str(path)])
    assert exited.value.code == 0
    return path.read_text()


JUDGED = {  # what a result says of its origin, and what is said where that is another
    "the seed": (lambda result: result["environment"].update(seed=7), "the seed was 7 and is 0: 6 cells run again"),
    "numpy": (lambda result: result["environment"].update(numpy="1.0"), "numpy was 1.0 and is"),
    "backproof": (lambda result: result["environment"].update(code="f" * 64), "backproof's code changed: 6 cells"),
    "an older result": (
        lambda result: result.pop("manifests"),
        "an earlier version wrote it, which does not say what was read: 6 cells run again",
    ),
    "a version": (
        lambda result: result["environment"]["backends"]["numpy"].update(version="1"),
        "its version was 1 and is",
    ),
    "a setting": (
        lambda result: result["environment"]["backends"]["numpy"].update(settings={}),
        "its settings changed: 6 cells of numpy run again",
    ),
    "Python": (
        lambda result: result["manifests"]["judge"]["facts"].update(Python="CPython 3.1"),
        "Python changed: 6 cells run again",
    ),
    "a library of the judge": (
        lambda result: result["manifests"]["judge"]["installed"][0].update(digest="f"),
        "(installed) changed since: 6 cells run again",
    ),
    "the number of threads": (
        lambda result: result["manifests"]["backends"]["numpy"]["facts"].update({"openblas (x.so)": "1 threads"}),
        "openblas (x.so) was 1 threads and is absent: 6 cells of numpy run again",
    ),
    "what was not seen": (
        lambda result: result["manifests"]["backends"]["numpy"].update(unknown=["it starts cat"]),
        "it starts cat: 6 cells of numpy run again",
    ),
    "no manifest of it": (
        lambda result: result["manifests"]["backends"].pop("numpy"),
        "does not say what it read: 6 cells of numpy run again",
    ),
}


@pytest.mark.parametrize("what", JUDGED)
def test_where_anything_else_is_another_the_cells_run_again(what, whole, backproof, tmp_path):
    path, result = tmp_path / "r.json", json.loads(whole)
    for cell in result["cells"]:
        cell["seconds"] = 12345.0  # marks what is taken over
    spoil, said = JUDGED[what]
    spoil(result)
    path.write_text(json.dumps(result))
    code, out, _ = backproof(*ONE, "--resume", path, "--json", tmp_path / "again.json")
    (line,) = [line for line in out.splitlines() if line.startswith("--resume: ")]
    assert (code, said in line) == (0, True), line
    assert "0 of 6 cells taken from" in out
    cells = json.loads((tmp_path / "again.json").read_text())["cells"]
    assert all(cell["seconds"] < 12345 for cell in cells)


def test_a_result_may_be_taken_up_into_itself(whole, backproof, tmp_path):
    path = tmp_path / "r.json"
    path.write_text(whole)
    for _ in range(2):  # what was read in the cells that are taken is carried on
        code, out, _ = backproof(*ONE, "--resume", path, "--json", path)
        assert (code, "6 of 6 cells taken from" in out) == (0, True)
    assert json.loads(path.read_text())["manifests"]["backends"] == json.loads(whole)["manifests"]["backends"]


def test_no_file_to_resume(backproof, tmp_path):
    (tmp_path / "junk").write_bytes(b"\xff{")
    for name, message in (("none", "No such file"), ("junk", "it is no UTF-8 text")):
        code, _, err = backproof(*QUICK, "--resume", tmp_path / name)
        assert code == 2
        assert message in err


def test_known_failures_are_shown_and_do_not_fail_the_run(backproof, tmp_path):
    path = tmp_path / "known.txt"
    path.write_text(
        "# what we know\n"
        "*-numpy-drop_two:* upstream: halves gradients\n"
        "univariate-nowhere:* matches nothing  # here\n"
        "*-numpy:* said to fail\n"
    )
    planted = ["--backend", "tests.support.planted:numpy_drop_two"]
    result = tmp_path / "r.json"
    code, out, _ = backproof(*QUICK, *planted, "--known-failures", path, "--json", result)
    assert code == 0
    assert "known failure (8) upstream: halves gradients" in out
    assert "8 of them known failures" in out
    assert "known failure univariate-nowhere:* matches no cell of this run" in out
    assert "unexpected pass: *-numpy:* is known to fail (said to fail), and passes" in out
    told = json.loads(result.read_text())
    assert told["summary"]["fail"] == told["summary"]["known_failures"] == 8
    assert {cell["known"] for cell in told["cells"]} == {None, "upstream: halves gradients"}
    path.write_text("multivariate-* known in part\n")
    assert backproof(*QUICK, *planted, "--known-failures", path)[0] == 1


def test_a_known_failure_needs_a_reason(backproof, tmp_path):
    path = tmp_path / "known.txt"
    path.write_text("\n\nmultivariate-*\n")
    code, _, err = backproof(*QUICK, "--known-failures", path)
    assert (code, err) == (
        2,
        f"backproof: {path}:3: multivariate-* stands without a reason; write the reason after it\n",
    )
    path.write_bytes(b"\xff\xfe")
    assert "no UTF-8 text" in backproof(*QUICK, "--known-failures", path)[2]
    assert "No such file" in backproof(*QUICK, "--known-failures", tmp_path / "none")[2]


def test_a_backend_that_takes_too_much_memory_is_stopped_and_starts_again():
    worker = Worker("tests.support.planted:hoards", memory=600 * 2**20)

    def ask(model, dims):
        cell = Cell(Problem(model, dims, "normal", "float64"), "hoards", "reference", "cpu")
        return worker.run(tasks(cell)[0], 60)

    greedy = ask("multivariate", (("n", 3), ("m", 7)))
    assert isinstance(greedy, Failure)
    assert "GiB of memory; 0.6 GiB are allowed" in greedy.reason
    assert isinstance(ask("univariate", (("m", 7),)), Evaluation)
    worker.close()


def test_a_backend_that_leaks_is_stopped_though_it_is_quick():
    worker = Worker("tests.support.planted:leaks", memory=600 * 2**20)
    cell = Cell(Problem("univariate", (("m", 7),), "normal", "float64"), "leaks", "reference", "cpu")
    answers = [worker.run(tasks(cell)[0], 60) for _ in range(100)]
    assert isinstance(answers[0], Evaluation)
    (stopped,) = (answer for answer in answers if isinstance(answer, Failure))
    assert "GiB of memory; 0.6 GiB are allowed" in stopped.reason
    worker.close()


def test_an_infinity_that_vanishes_is_told_everywhere_and_read_again(backproof, tmp_path):
    """Its truth is no number, of which there is a name in every form of the result."""
    line = ("conform", "--backend", "tests.support.planted:caps", "--model", "univariate", "--dtype", "float64")
    files = [tmp_path / name for name in ("r.json", "r.html", "r.xml", "r.md")]
    outputs = [
        part for pair in zip(("--json", "--html", "--junit", "--capabilities"), files, strict=True) for part in pair
    ]
    code, out, _ = backproof(*line, *outputs)
    assert (code, all(file.stat().st_size for file in files)) == (1, True)
    assert "vanished from 1 of 1 components" in out
    assert "EXPECTED nan\n" in out
    again, told, err = backproof(*line, "--resume", files[0])
    assert (again, err, out.splitlines()[-1].split(", in")[0]) == (1, "", told.splitlines()[-1].split(", in")[0])
