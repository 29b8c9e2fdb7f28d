"""Every command under wrong arguments, files, places and environments: one line on standard error, exit code 2, nothing
half-written, no traceback."""

import copy
import json
import os
import shutil

import numpy as np
import pytest
from benchmarks import bare, closed_form, exponents, parts, table
from benchmarks.__main__ import main as benchmark
from benchmarks.study import study
from tests.bad_input import ROOT, listing, no_results, result_of, run, unreadable, unwritable, without
from tests.derivations import LINEAR

from backproof.conformance.worker import Worker
from backproof.derivation.power.__main__ import main as power

QUICK = ("conform", "--backend", "numpy", "--cells", "quick", "--model", "univariate")
DESCEND = ("descend", "univariate", "--steps", "2")
RIDGE = str(ROOT / "examples" / "derivations" / "ridge_regression.py")
STUDIES = {"parts": parts, "closed_form": closed_form, "exponents": exponents, "bare": bare}


@pytest.fixture
def refused(backproof, capsys):
    """Run a command that must be refused: one line of it, on standard error alone."""

    def run_(*argv, name="backproof"):
        if argv[0] == "benchmarks":
            code, (out, err) = benchmark([str(a) for a in argv[1:]]), capsys.readouterr()
        elif argv[0] == "table":
            code, (out, err) = table.main([str(a) for a in argv[1:]]), capsys.readouterr()
        elif argv[0] == "power":
            code, (out, err) = power([str(a) for a in argv[1:]]), capsys.readouterr()
        elif argv[0] in STUDIES:
            own = STUDIES[argv[0]]
            arguments = getattr(own, "arguments", lambda parser: None)
            ends = (own.measure, own.table, own.draw, arguments)
            code = study(argv[0], own.__doc__, *ends, argv=[str(a) for a in argv[1:]])
            out, err = capsys.readouterr()
        else:
            code, out, err = backproof(*argv)
        assert (code, out) == (2, ""), err
        assert err.count("\n") == 1, err
        assert "Traceback" not in err
        return err

    return run_


READERS = {  # what reads a file, and its suffix
    "check": (("check",), ".py"),
    "conform --model": ((*QUICK[:-2], "--model"), ".py"),
    "conform --resume": ((*QUICK, "--resume"), ".json"),
    "conform --known-failures": ((*QUICK, "--known-failures"), ".txt"),
    "descend --data csv": (("descend", "univariate", "--data"), ".csv"),
    "descend --data npz": (("descend", "univariate", "--data"), ".npz"),
    "benchmarks.table": (("table",), ".json"),
    "power": (("power",), ".py"),
}


@pytest.mark.parametrize("reader", READERS)
def test_a_file_that_cannot_be_read_is_refused(reader, refused, tmp_path):
    argv, suffix = READERS[reader]
    paths = unreadable(tmp_path, suffix)
    before = listing(tmp_path)
    for path in paths.values():
        assert path in refused(*argv, path)
    assert listing(tmp_path) == before


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


@pytest.mark.parametrize("what", no_results())
@pytest.mark.parametrize("argv", [(*QUICK, "--resume"), ("table",)], ids=["resume", "table"])
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


DATA = {
    "no columns": ("d.csv", "", "it needs a header"),
    "a header alone": ("d.csv", "x,y\n", "no examples"),
    "one example": ("d.csv", "x,y\n1,2\n", "there is one example"),
    "words": ("d.csv", "x,y\n1,2\none,two\n", "row 3 is 'one,two'"),
    "a ragged row": ("d.csv", "x,y\n1,2\n3\n", "row 3 is '3'"),
    "NaN": ("d.csv", "x,y\n1,2\nnan,4\n", "some values are not finite"),
    "infinity": ("d.csv", "x,y\n1,2\n3,1e999\n", "some values are not finite"),
    "a constant target": ("d.csv", "x,y\n1,2\n3,2\n", "the target is constant"),
    "two columns of one name": ("d.csv", "x,x,y\n1,2,3\n3,4,5\n", "have one name"),
    "no header": ("d.csv", "1,2\n3,4\n", "the first row is numbers"),
    "of no kind": ("d.txt", "x,y\n1,2\n3,4\n", "a .npz or a .csv file"),
    "a field without end": ("d.csv", 'x,y\n"' + "1" * 200_000, "it is no UTF-8 text with comma-separated values"),
}


@pytest.mark.parametrize("what", DATA)
def test_data_that_nothing_can_be_learnt_from_is_refused(what, refused, tmp_path):
    name, text, said = DATA[what]
    (tmp_path / name).write_text(text)
    assert said in refused("descend", "univariate", "--data", tmp_path / name)


ARRAYS = {
    "no y": (dict(X=np.ones((2, 3))), "must hold the arrays X (n, m) and y (1, m)"),
    "shapes that differ": (dict(X=np.ones((2, 3)), y=np.arange(4.0)), "they must be (n, m) and (1, m)"),
    "text": (dict(X=np.array([["a", "b"]]), y=np.arange(2.0)), "no .npz of numbers"),
    "complex": (dict(X=np.ones((2, 3), complex), y=np.arange(3.0)), "no .npz of numbers"),
    "empty": (dict(X=np.ones((0, 3)), y=np.arange(3.0)), "no examples or no features"),
    "objects": (dict(X=np.array([[{}, 1]], object), y=np.arange(2.0)), "no .npz of numbers"),
    "NaN": (dict(X=np.full((1, 3), np.nan), y=np.arange(3.0)), "not finite"),
}


@pytest.mark.parametrize("what", ARRAYS)
def test_arrays_that_nothing_can_be_learnt_from_are_refused(what, refused, tmp_path):
    arrays, said = ARRAYS[what]
    np.savez(tmp_path / "d.npz", **arrays)
    assert said in refused("descend", "univariate", "--data", tmp_path / "d.npz")


def test_an_array_larger_than_any_memory_is_refused(refused, tmp_path):
    import zipfile

    with zipfile.ZipFile(tmp_path / "d.npz", "w") as file:
        for name in ("X.npy", "y.npy"):
            with file.open(name, "w") as member:
                header = {"descr": "<f8", "fortran_order": False, "shape": (1, 10**13)}
                np.lib.format.write_array_header_2_0(member, header)
    assert "memory" in refused("descend", "univariate", "--data", tmp_path / "d.npz")


DERIVATIONS = {
    "empty": ("", "there is no `shapes`"),
    "no Python": ("shapes = (", "line 1: SyntaxError"),
    "NUL": ("shapes = 1\0", "null bytes"),
    "raises": ("1 / 0", "line 1, in <module>: ZeroDivisionError"),
    "exits": ("raise SystemExit(0)", "SystemExit"),
    "ends its process": ("import os; os._exit(3)", "ended its process (exit code 3)"),
    "kills its process": ("import os; os.kill(os.getpid(), 9)", "killed by SIGKILL"),
    "shapes of no kind": (LINEAR.replace('X="n m"', "X=3"), "shapes must be a dict of strings"),
    "axes of no kind": (LINEAR.replace('X="n m"', 'X="n -1"'), "has the axis '-1'"),
    "params of no kind": (LINEAR.replace('["w", "b"]', "7"), "params"),
    "no such param": (LINEAR.replace('["w", "b"]', '["v"]'), "params names v"),
    "a loss of no function": (LINEAR + "\nloss = 3\n", "`loss` is a int; it must be a function"),
    "a loss that is no scalar": (LINEAR.replace("xp.mean(", "("), "loss"),
    "a loss of nothing": (LINEAR.replace("    return xp.mean", "    xp.mean"), "loss"),
    "an unknown argument": (LINEAR.replace("def gradients(X, y, w, b)", "def gradients(X, y, w, b, c)"), "takes c"),
    "gradients of no kind": (LINEAR.replace("return dict(w=delta @ X.T, b=delta.sum())", "return 1"), "returns a int"),
    "gradients of chance": (
        LINEAR.replace("delta.sum()", "np.random.rand()").replace("params", "import numpy as np\nparams", 1),
        "not deterministic",
    ),
    "a sample of no kind": (LINEAR + "\ndef sample(rng, n, m): return 3\n", "sample returns a int"),
    "a sample of another shape": (LINEAR + "\ndef sample(rng, n, m): return dict(X=rng.random((1, 1)))\n", "of shape"),
    "a sample with NaN": (LINEAR + "\ndef sample(rng, n, m): return dict(b=float('nan'))\n", "with NaN or Inf"),
    "many lines said": (LINEAR.replace("m = X.shape[1]", "raise ValueError('one\\ntwo\\x1b[31m')"), "one two"),
}


@pytest.mark.parametrize("what", DERIVATIONS)
def test_a_derivation_at_fault_is_refused_with_what_is_wrong(what, refused, tmp_path):
    source, said = DERIVATIONS[what]
    (tmp_path / "mine.py").write_text(source)
    assert said in refused("check", tmp_path / "mine.py", "--time-limit", "100").replace(str(tmp_path), "")


ARGUMENTS = {
    "a name of two lines": (["descend", "two\nlines"], "there is no model two\\nlines"),
    "a name that moves the cursor": (["prove", "\x1b[2J"], "\\x1b[2J"),
    "a name of broken letters": (["conform", "--model", "\udcff"], "\\udcff"),
    "nothing to explain": (["explain", "resnet"], "there is no model resnet"),
    "a wrong option of two lines": (["conform", "--x\ny"], "--x\\ny"),
    "no time": (["check", RIDGE, "--time-limit", "0"], "--time-limit is 0.0"),
    "a time of no number": (["check", RIDGE, "--time-limit", "nan"], "--time-limit is nan"),
    "no such function": (["check", RIDGE, "--gradients", "nope"], "there is no `nope`"),
    "a rate of no number": ([*DESCEND, "--learning-rate", "nan"], "--learning-rate is nan"),
    "an infinite rate": ([*DESCEND, "--learning-rate", "inf"], "--learning-rate is inf"),
    "steps without end": (["descend", "univariate", "--steps", "9" * 30], "at most 100000000"),
    "steps of no digits": (["descend", "univariate", "--steps", "9" * 5000], "whole number >= 1"),
    "hidden units beyond memory": (["descend", "two_layer_linear", "--hidden", str(10**13)], "memory"),
    "no hidden units": (["descend", "two_layer_linear", "--hidden", "0"], "whole number >= 1"),
    "more ranks than a machine has": ([*DESCEND, "--backend", "torch", "--ranks", "100000"], "at most 256"),
    "a plane without a picture": ([*DESCEND, "--plane", "pca"], "--plane is of the picture"),
    "a picture of no kind": ([*DESCEND, "--out", "x.bmp"], "is no picture"),
    "a plane of one parameter": ([*DESCEND, "--out", "x.svg", "--plane", "w,w"], "--plane w,w"),
    "one file for two": ([*QUICK, "--json", "r", "--html", "./r"], "two results cannot both go to"),
    "benchmarks without time": (["benchmarks", "--budget", "0"], "--budget is 0.0"),
    "benchmarks of no number": (["benchmarks", "--budget", "nan"], "--budget is nan"),
    "benchmarks of no model": (["benchmarks", "--model", "resnet"], "there is no model resnet"),
    "benchmarks of no dtype": (["benchmarks", "--dtype", "int8"], "--dtype is int8"),
    "benchmarks of no shape": (["benchmarks", "--shape", "4,x,2"], "--shape is '4,x,2'"),
    "benchmarks of an empty shape": (["benchmarks", "--shape", "4,0,2"], "--shape is '4,0,2'"),
    "benchmarks of no series": (["benchmarks", "--series", "caffe:fast"], "there is no backend caffe"),
    "benchmarks, half a word": (["benchmarks", "--mod", "univariate"], "unrecognized arguments"),
    "power without a step": (["power", "--step", "0"], "whole number >= 1"),
}


@pytest.mark.parametrize("what", ARGUMENTS)
def test_a_wrong_argument_is_refused(what, refused):
    argv, said = ARGUMENTS[what]
    assert said in refused(*argv)


@pytest.mark.parametrize(("rank", "ranks"), [("2", "2"), ("0", "0")])
def test_a_place_among_ranks_that_cannot_be_is_refused(rank, ranks, refused, monkeypatch):
    monkeypatch.setenv("RANK", rank)
    monkeypatch.setenv("WORLD_SIZE", ranks)
    assert f"the environment says rank {rank} of {ranks}" in refused(*DESCEND, "--backend", "torch")


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


COMMANDS = {
    "conform": (*QUICK, "--dtype", "float64"),
    "check": ("check", RIDGE),
    "prove": ("prove", "univariate"),
    "descend": DESCEND,
    "explain": ("explain", "two_layer_nonlinear"),
}


@pytest.mark.parametrize("command", COMMANDS)
def test_a_poor_environment_is_good_enough(command, tmp_path):
    """No home, no place for temporary files, a terminal of one column, ASCII alone, standard input closed."""
    poor = {
        "HOME": "/nonexistent", "XDG_CACHE_HOME": "/nonexistent", "TMPDIR": "/nonexistent", "COLUMNS": "1",
        "NO_COLOR": "1", "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "PYTHONIOENCODING": "",
    }  # fmt: skip
    code, out, err = run(*COMMANDS[command], env=poor, shell="<&-")
    assert (code, err) == (0, "")
    assert out.isascii()


@pytest.mark.parametrize("command", COMMANDS)
def test_a_closed_standard_error_changes_nothing_else(command):
    code, out, _ = run(*COMMANDS[command], shell="2>&-")
    assert code == 0
    assert out


def test_a_closed_standard_error_has_nothing_to_hear():
    assert run("descend", "resnet", shell="2>&-") == (2, "", "")


def test_a_closed_standard_output_is_one_line_and_nothing_is_done(tmp_path):
    path = tmp_path / "r.json"
    code, out, err = run(*COMMANDS["conform"], "--json", path, shell=">&-")
    assert (code, out) == (2, "")
    assert err == "backproof: standard output is closed; send it to a file, or to /dev/null\n"
    assert not path.exists()


def test_documents_to_standard_output_are_utf_8_whatever_the_locale_is():
    ascii_only = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    code, out, err = run("prove", "univariate", "--latex", "-", env=ascii_only)
    assert (code, err) == (0, "")
    assert out.rstrip().endswith("\\end{document}")


def test_a_reader_that_takes_one_line_is_no_failure():
    code, out, err = run("check", RIDGE, shell="| head -1")
    assert (out.count("\n"), err) == (1, "")
    assert code in (0, 141)  # it may have written everything before the reader went


def test_a_folder_that_is_gone_is_one_line_or_none(tmp_path):
    (tmp_path / "gone").mkdir()
    command = f"cd {tmp_path}/gone && rmdir ../gone && PYTHONPATH={ROOT}"
    code, _, err = run(shell=f'; {command} "$@" check mine.py', cwd=tmp_path)
    assert code == 2
    assert "mine.py: no such file" in err.splitlines()[-1]


ABSENT = {
    "a backend's framework": (
        ["torch"], ("conform", "--backend", "torch"), "backend torch: no module torch; pip install 'backproof[torch]'",
    ),
    "the data": (["sklearn"], DESCEND, "pip install 'backproof[data]', or give --data FILE"),
    "pictures": (["matplotlib"], (*DESCEND, "--out", "x.svg"), "pip install 'backproof[pictures]'"),
    "pages": (["jinja2", "plotly"], (*QUICK, "--html", "x.html"), "pip install 'backproof[html]'"),
}  # fmt: skip


@pytest.mark.parametrize("what", ABSENT)
def test_a_package_that_is_missing_is_one_line_that_says_how_to_get_it(what, tmp_path):
    packages, argv, said = ABSENT[what]
    code, out, err = run(*argv, env=without(tmp_path, *packages))
    assert (code, out, err.count("\n")) == (2, "", 1), err
    assert said in err


OPTIONAL = (
    "torch", "jax", "numba", "sklearn", "matplotlib", "jinja2", "plotly", "scipy", "array_api_compat", "pyarrow",
    "safetensors",
)  # fmt: skip


def test_without_any_optional_package_numpy_and_the_proofs_are_left(tmp_path):
    bare_ = without(tmp_path, *OPTIONAL)
    code, out, err = run("backends", env=bare_)
    assert (code, err) == (0, "")
    assert "missing: backend torch: no module torch" in out
    for command in ("conform", "check", "prove"):
        code, _, err = run(*COMMANDS[command], env=bare_)
        assert (code, err) == (0, "")


@pytest.fixture
def ordinary(tmp_path):
    """Runs a command in `tmp_path` as a user whom permissions bind: root without what makes it root over files."""
    wrapper = ["setpriv", "--bounding-set", "-dac_override,-dac_read_search"] if os.getuid() == 0 else []
    if wrapper and shutil.which("setpriv") is None:
        pytest.skip("as root, and without setpriv, permissions bind nobody")
    (tmp_path / "home").mkdir()
    (tmp_path / "home").chmod(0o555)
    environment = {"HOME": str(tmp_path / "home"), "PYTHONPATH": str(ROOT)}
    return lambda *argv: run(*argv, wrapper=wrapper, env=environment, cwd=tmp_path)


def test_no_permission_is_one_line(ordinary, tmp_path):
    for name in ("mine.py", "mine.csv", "mine.npz", "mine.json"):
        (tmp_path / name).write_text("secret")
        (tmp_path / name).chmod(0)
    for argv in (
        ("check", "mine.py"), ("descend", "univariate", "--data", "mine.csv"),
        ("descend", "univariate", "--data", "mine.npz"), (*QUICK, "--known-failures", "mine.json"),
        (*QUICK, "--json", "home/r.json"), ("prove", "--latex", "home/p.tex"),
    ):  # fmt: skip
        code, out, err = ordinary(*argv)
        assert (code, out, err.count("\n")) == (2, "", 1), err
        assert "ermission" in err


def test_a_home_that_is_read_only_stops_no_backend(ordinary):
    code, _, err = ordinary("conform", "--backend", "numba", *QUICK[3:], "--dtype", "float64")
    assert (code, err) == (0, "")
