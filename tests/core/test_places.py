"""Results go where they can: tried as they will be written, kept apart from each other, nothing left behind."""

import contextlib
import errno
import json
import os
import signal
import stat
import subprocess
import sys
import time
import xml.etree.ElementTree as ET

import pytest
from tests.support.commands import QUICK, RIDGE

from backproof.conformance.cells import Cell, Problem
from backproof.conformance.decide import Report
from backproof.console.terminal import PlainConsole
from backproof.core import places
from backproof.core.errors import InputError
from backproof.core.files import Outputs, check_writable, write
from backproof.results.encode import as_junit
from backproof.verdicts.judgement import Verdict

COMMAND = [sys.executable, "-m", "backproof"]
CELL = Cell(Problem("multivariate", (("n", 3), ("m", 7)), "normal", "float32"), "numpy", "reference", "cpu")
EXPLAIN = [*COMMAND, "explain", "univariate"]


def names(folder):
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o444, 0o755])
def test_the_mode_of_what_is_replaced_is_kept(mode, tmp_path):
    path = tmp_path / "r.json"
    path.write_text("old, and longer than what comes")
    path.chmod(mode)
    check_writable(str(path))
    write(str(path), "new")
    assert (path.read_text(), stat.S_IMODE(path.stat().st_mode)) == ("new", mode)
    assert names(tmp_path) == ["r.json"]


def test_a_new_file_has_the_mode_of_any_new_file(tmp_path):
    write(str(tmp_path / "r"), "new")
    (tmp_path / "other").touch()
    assert (tmp_path / "r").stat().st_mode == (tmp_path / "other").stat().st_mode


def test_a_link_stays_and_its_file_is_replaced(tmp_path):
    (tmp_path / "real").write_text("old")
    (tmp_path / "link").symlink_to("real")
    write(str(tmp_path / "link"), "new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_text() == "new"


@pytest.mark.parametrize("number", [errno.EBUSY, errno.EPERM, errno.EACCES, errno.EXDEV])
def test_what_cannot_be_replaced_is_written_in_place(number, tmp_path, monkeypatch):
    """As a file that is mounted by itself, or another's in a sticky folder."""

    def refuse(*_):
        raise OSError(number, os.strerror(number))

    path = tmp_path / "r"
    path.write_text("old, and longer than what comes")
    monkeypatch.setattr(os, "replace", refuse)
    check_writable(str(path))
    write(str(path), "new")
    assert path.read_text() == "new"
    assert names(tmp_path) == ["r"]


def test_a_file_that_nobody_can_write_is_refused_early(tmp_path, monkeypatch):
    """As an immutable one."""
    path = tmp_path / "r"
    path.write_text("old")
    opened = os.open

    def refuse(name, flags, *rest, **more):
        if str(name) == str(path) and flags & os.O_WRONLY:
            raise PermissionError(errno.EPERM, "Operation not permitted")
        return opened(name, flags, *rest, **more)

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(InputError, match="cannot be written: Operation not permitted"):
        check_writable(str(path))


@pytest.mark.parametrize("target", ["/dev/stdout", "/dev/fd/1", "/proc/self/fd/1", "-"])
@pytest.mark.parametrize("to", ["pipe", "file"])
def test_standard_output_by_any_name_holds_the_result_alone(target, to, tmp_path):
    with open(tmp_path / "out", "w+b") as out:
        ended = subprocess.run(
            [*EXPLAIN, "--json", target],
            stdout=subprocess.PIPE if to == "pipe" else out,
            stderr=subprocess.PIPE,
            check=False,
        )
        out.seek(0)
        assert (ended.returncode, json.loads(ended.stdout if to == "pipe" else out.read())["model"]) == (
            0,
            "univariate",
        )
    assert names(tmp_path) == ["out"]


def test_process_substitution_is_written(tmp_path):
    line = f"{' '.join(EXPLAIN)} --json >(cat > {tmp_path}/r.json); wait $!"
    ended = subprocess.run(["bash", "-c", line], capture_output=True, check=False, timeout=60)
    deadline = time.monotonic() + 10
    while not (tmp_path / "r.json").read_text().endswith("}\n") and time.monotonic() < deadline:
        time.sleep(0.01)
    assert (ended.returncode, ended.stderr) == (0, b"")
    assert json.loads((tmp_path / "r.json").read_text())["model"] == "univariate"


@pytest.mark.parametrize("target", ["/dev/fd/77", "/dev/stdin"])
def test_a_descriptor_that_cannot_be_written_is_refused(target, tmp_path):
    with open(RIDGE, "rb") as stdin:
        ended = subprocess.run([*EXPLAIN, "--json", target], stdin=stdin, capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stdout, ended.stderr.count("\n")) == (2, "", 1)


def test_two_results_to_one_place_are_refused(tmp_path):
    (tmp_path / "r").write_text("")
    (tmp_path / "link").symlink_to("r")
    for pair in [("-", "/dev/stdout"), (str(tmp_path / "r"), str(tmp_path / "link")), (str(tmp_path / "n"),) * 2]:
        with pytest.raises(InputError, match="two results"):
            check_writable(*pair)
    check_writable("/dev/null", "/dev/null", "-", None)


def test_one_failing_output_loses_neither_the_table_nor_the_others(backproof, tmp_path):
    full = tmp_path / "full"
    full.symlink_to("/dev/full")
    code, out, err = backproof(*QUICK, "--json", full, "--junit", tmp_path / "j.xml", "--html", tmp_path / "p.html")
    assert code == 2
    assert err == f"backproof: {full} cannot be written: No space left on device; name another file\n"
    assert "cells by verdict" in out
    assert ET.parse(tmp_path / "j.xml").getroot().get("errors") == "0"
    assert names(tmp_path) == ["full", "j.xml", "p.html"]


def test_all_that_failed_is_told():
    outputs = Outputs()
    outputs.write("/none/one", lambda: "")
    outputs.write("/none/two", lambda: "")
    with pytest.raises(InputError, match=r"/none/one.*; /none/two"):
        outputs.finish()


WRITER = """
import sys, time
from backproof.core import places
from pathlib import Path
with places._temporary(Path(sys.argv[1])) as (file, name):
    print(flush=True)
    time.sleep(60)
"""


def test_what_a_killed_writer_leaves_is_swept_and_what_a_living_one_has_stays(tmp_path):
    writers = [
        subprocess.Popen([sys.executable, "-c", WRITER, tmp_path], stdout=subprocess.PIPE, text=True) for _ in range(2)
    ]
    for writer in writers:
        writer.stdout.readline()
    assert all(name.startswith(".backproof-") for name in names(tmp_path))
    writers[0].kill()
    writers[0].wait()
    write(str(tmp_path / "r"), "new")
    assert len(names(tmp_path)) == 2
    writers[1].kill()
    writers[1].wait()
    places.sweep(tmp_path)
    assert names(tmp_path) == ["r"]
    for writer in writers:
        writer.stdout.close()


STRANGE = "*bad* \x00 \x01 \x1b[31m esc & <b> ]]> \ufffe \ud800 ü 😀\n\x85"


def test_junit_is_well_formed_whatever_is_said():
    reports = [Report(CELL, verdict, STRANGE, known=known) for verdict in Verdict for known in (None, STRANGE)]
    junit = as_junit(reports)
    suite = ET.fromstring(junit.encode())
    messages = [element.get("message") for case in suite for element in case]
    assert len(messages) == 9
    assert all("esc & <b> ]]>" in message and "\\x1b[31m" in message and "ü 😀" in message for message in messages)


@pytest.mark.parametrize("terminal", [False, True])
def test_nothing_that_is_said_acts_on_a_terminal(terminal, capsys):
    from rich.table import Table
    from rich.text import Text

    console = PlainConsole()
    console._force_terminal = terminal
    table = Table("a\x1b[2J", title="b\x07")
    table.add_row("c\x1b]0;title\x07", Text("d\x1b[31m"))
    for what in (table, "e\x1b[31m\r", Text("f\x9b31m", "red")):
        console.print(what)
    out = capsys.readouterr().out
    assert "\\x1b[2J" in out
    assert "\\x9b31m" in out
    assert not set(out) & set("\x07\r\x9b")
    assert "\x1b[2J" not in out
    assert "\x1b]0" not in out


SLOW = """
import time
from backproof_numpy import NumpyBackend
class Slow(NumpyBackend):
    name, series, algorithms, forms, only = "slow", ("reference",), {}, {}, {}
    def evaluate(self, *arguments):
        time.sleep(1)
        return super().evaluate(*arguments)
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_signals_leave_the_partial_result_and_no_process(number, tmp_path):
    (tmp_path / "slow.py").write_text(SLOW)
    line = [*COMMAND, "conform", "--backend", "slow:Slow", "--cells", "quick", "--json", "r.json", "--html", "p.html"]
    with subprocess.Popen(line, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as command:
        assert command.stdout.readline().startswith("slow ")
        time.sleep(2)
        command.send_signal(number)
        out, err = command.communicate(timeout=60)
    assert command.returncode == 128 + number
    assert err.count("\n") == 1
    result = json.loads((tmp_path / "r.json").read_text())
    assert result["partial"] is True
    assert "--resume r.json goes on from here" in " ".join(out.split())
    assert [name for name in names(tmp_path) if not name.startswith("__")] == ["p.html", "r.json", "slow.py"]
    assert str(tmp_path).encode() not in b"".join(cwds())


def cwds():
    for pid in os.listdir("/proc"):
        if pid.isdecimal():
            with contextlib.suppress(OSError):
                yield os.readlink(f"/proc/{pid}/cwd").encode()
