"""Files and processes that end in unusual ways: told in one line, exit 2; a right file never has exit code 1."""

import contextlib
import json
import os
import random
import subprocess
import sys
import time

import pytest
from tests.support.derivations import LINEAR, written

from backproof.console.ending import ended
from backproof.isolation.death import death, message, one_line

STATEMENTS = {
    "a real-time signal": ("os.kill(os.getpid(), 40)", "gradients ended its process (killed by signal 40)"),
    "a named signal": ("os.kill(os.getpid(), 15)", "gradients ended its process (killed by SIGTERM)"),
    "descriptors closed": ("os.closerange(3, 200); import time; time.sleep(60)", "gradients ended its process"),
    "an exception without words": (
        "class Mute(Exception):\n        def __str__(self): raise ValueError\n    raise Mute",
        "Mute: (its message cannot be shown)",
    ),
}


def with_statement(folder, statement):
    return written(folder, LINEAR.replace("    m = X.shape[1]", f"    import os\n    {statement}\n    m = X.shape[1]"))


@pytest.mark.parametrize("what", STATEMENTS)
def test_a_death_in_the_gradients_is_told_in_one_line(what, refused, tmp_path):
    statement, said = STATEMENTS[what]
    start = time.monotonic()
    assert said in refused("check", with_statement(tmp_path, statement))
    assert time.monotonic() - start < 30


def test_a_fork_inside_is_no_second_answer(backproof, tmp_path):
    code, _, err = backproof("check", with_statement(tmp_path, "os.fork()"))
    assert (code, err) == (0, "")


BOM = "\ufeff"


@pytest.mark.parametrize(
    "source",
    [
        BOM.encode() + LINEAR.encode(),
        BOM.encode() + b"# coding: utf-8\n" + LINEAR.encode(),
        "# coding: latin-1\n# für".encode("latin-1") + LINEAR.encode(),
        LINEAR.replace("\n", "\r\n").encode(),
    ],
    ids=["BOM", "BOM and coding", "latin-1", "CRLF"],
)
@pytest.mark.parametrize("wrong", [False, True], ids=["right", "wrong"])
def test_a_file_is_read_as_python_reads_it(source, wrong, backproof, tmp_path):
    path = tmp_path / "mine.py"
    path.write_bytes(source.replace(b"2 / m *", b"1 / m *") if wrong else source)
    code, out, err = backproof("check", path)
    assert (code, err) == (int(wrong), "")
    assert not wrong or "1/2" in out


def test_every_exit_code_has_words():
    assert death(-9) == "killed by SIGKILL"
    assert death(-64) in ("killed by signal 64", "killed by SIGRTMAX")
    assert death(3) == "exit code 3"
    assert "closed the descriptor" in death(None)


def test_an_error_of_ours_is_exit_2_in_one_line(monkeypatch, capsys):
    def fails():
        raise KeyError("x\ny\x1b[31m")

    monkeypatch.delenv("BACKPROOF_TRACEBACK")
    assert ended("backproof", fails) == 2
    err = capsys.readouterr().err
    assert err.count("\n") == 1
    assert "internal error: KeyError" in err
    assert "\x1b" not in err
    monkeypatch.setenv("BACKPROOF_TRACEBACK", "1")
    with pytest.raises(KeyError):
        ended("backproof", fails)


def test_a_message_is_one_line_whatever_it_is():
    class Worse(Exception):
        def __str__(self):
            sys.exit(3)

    assert message(Worse()) == "(its message cannot be shown)"
    assert one_line(ValueError("a\n b")) == "ValueError: a b"


STR_ENUM = """
from enum import StrEnum

class N(StrEnum):
    X, y, w, b = "X", "y", "w", "b"

    def __str__(self):
        return "another"
"""


def test_names_that_are_more_than_text_are_text(backproof, tmp_path):
    source = STR_ENUM + LINEAR.replace(
        'X="n m", y="1 m", w="1 n", b=""', '**{N.X: "n m", N.y: "1 m", N.w: "1 n", N.b: ""}'
    )
    code, out, err = backproof("check", written(tmp_path, source))
    assert (code, err) == (0, "")
    assert "another" not in out


POOL = "import multiprocessing as mp\nP = mp.get_context('fork').Pool(2)\n"
DAEMON = """
import os, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        time.sleep(600)
    os._exit(0)
"""


@pytest.mark.parametrize("first", [POOL, DAEMON], ids=["pool", "daemon"])
def test_what_a_file_starts_ends_with_the_command(first, tmp_path):
    path = written(tmp_path, first + LINEAR)
    line = [sys.executable, "-m", "backproof", "check", path]
    ended = subprocess.run(line, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=120)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert processes_in(tmp_path) == []


def processes_in(folder, seconds=10.0):
    """Those whose working folder it is, once they had time to end."""
    deadline = time.monotonic() + seconds
    while (found := list(_processes_in(folder))) and time.monotonic() < deadline:
        time.sleep(0.02)
    return found


def _processes_in(folder):
    for pid in filter(str.isdecimal, os.listdir("/proc")):
        with contextlib.suppress(OSError):
            if os.readlink(f"/proc/{pid}/cwd") == str(folder):
                yield pid


CONFORM = ["conform", "--backend", "numpy", "--cells", "quick", "--json", "r.json", "--html", "p.html"]


def test_a_killed_conform_leaves_no_process_no_half_result_and_no_litter(tmp_path):
    """At moments spread over its whole life."""
    line = [sys.executable, "-m", "backproof", *CONFORM]
    start = time.monotonic()
    subprocess.run(line, cwd=tmp_path, stdout=subprocess.DEVNULL, check=True)
    whole = time.monotonic() - start
    for number in range(6):
        more = ["--resume", "r.json"] if number % 2 else []
        with subprocess.Popen([*line, *more], cwd=tmp_path, stdout=subprocess.DEVNULL) as command:
            time.sleep(whole * (number + random.random()) / 6)
            command.kill()
        assert processes_in(tmp_path) == []
        json.loads((tmp_path / "r.json").read_text())
        assert (tmp_path / "p.html").read_text().endswith("</html>\n")
    assert (
        subprocess.run([*line, "--resume", "r.json"], cwd=tmp_path, stdout=subprocess.DEVNULL, check=False).returncode
        == 0
    )
    assert sorted(path.name for path in tmp_path.iterdir()) == ["p.html", "r.json"]
