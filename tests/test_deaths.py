"""Files and processes that end in unusual ways: told in one line, exit 2; a right file never has exit code 1."""

import sys
import time

import pytest
from tests.derivations import LINEAR, written

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
