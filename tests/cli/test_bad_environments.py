"""Commands in a poor environment: they do their work, or one line says what is lacking."""

import json
import os
import shutil

import pytest
from tests.support.bad_input import ROOT, listing, run, without
from tests.support.cases import FOLDERS, READERS, WRITERS
from tests.support.commands import DESCEND, QUICK, RESULT, RIDGE, with_file

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


LONG = {  # what says many lines
    "check": (("check", RIDGE), "backproof"),
    "prove": (("prove", "univariate", "--markdown", "-"), "backproof"),
    "table": ((RESULT,), "benchmarks.table"),
}


@pytest.mark.parametrize("what", LONG)
def test_a_reader_that_takes_one_line_is_no_failure(what):
    argv, module = LONG[what]
    code, out, err = run(*argv, module=module, shell="| head -1")
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
    """Runs a module in `tmp_path` as a user whom permissions bind: root without what makes it root over files."""
    wrapper = ["setpriv", "--bounding-set", "-dac_override,-dac_read_search"] if os.getuid() == 0 else []
    if wrapper and shutil.which("setpriv") is None:
        pytest.skip("as root, and without setpriv, permissions bind nobody")
    (tmp_path / "home").mkdir()
    (tmp_path / "home").chmod(0o555)
    environment = {"HOME": str(tmp_path / "home"), "PYTHONPATH": str(ROOT)}
    return lambda *argv, **options: run(*argv, wrapper=wrapper, env=environment, cwd=tmp_path, **options)


def test_no_permission_is_one_line_of_every_command(ordinary, tmp_path):
    """In one process (`python -m tests.support.commands`): files nobody may read, places nobody may write."""
    lines = []
    for argv, suffix in READERS.values():
        (tmp_path / f"secret{suffix}").write_text("secret")
        (tmp_path / f"secret{suffix}").chmod(0)
        lines.append(with_file(argv, f"secret{suffix}"))
    lines += [with_file(argv, f"home/r{suffix or '.json'}") for argv, suffix in WRITERS.values()]
    lines += [with_file(argv, "home") for argv, _ in FOLDERS.values()]
    before = listing(tmp_path)
    code, out, _ = ordinary(json.dumps(lines), module="tests.support.commands")
    assert code == 0
    for argv, (code, told, err) in zip(lines, json.loads(out), strict=True):
        assert (code, told, err.count("\n")) == (2, "", 1), (argv, err)
        assert "ermission" in err, (argv, err)
    assert listing(tmp_path) == before


def test_a_home_that_is_read_only_stops_no_backend(ordinary):
    code, _, err = ordinary("conform", "--backend", "numba", *QUICK[3:], "--dtype", "float64")
    assert (code, err) == (0, "")
