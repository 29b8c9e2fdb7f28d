"""What a person sees: colours and progress on a terminal alone, lines of 80 columns, text that stays what it is."""

import os
import pty
import re
import subprocess
import sys
import termios
from pathlib import Path

import pytest
from benchmarks.table import tables

from backproof.console.terminal import bar, results_console

ROOT = Path(__file__).parents[2]
COLOUR = re.compile(r"\x1b\[[0-9;]*m")
CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
VARIABLES = ("NO_COLOR", "FORCE_COLOR", "COLUMNS", "LINES", "TTY_COMPATIBLE", "TTY_INTERACTIVE")
CONFORM = ["backproof", "conform", "--backend", "numpy", "--cells", "quick", "--model", "univariate"]
CHECK = ["backproof", "check", "examples/derivations/ridge_regression.py"]


def in_terminal(*argv, **environment):
    """What a command writes to a terminal of 80 columns, standard output and error together."""
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (24, 80))
    kept = {key: value for key, value in os.environ.items() if key not in VARIABLES}
    command = [sys.executable, "-m", *argv]
    process = subprocess.Popen(
        command, stdin=theirs, stdout=theirs, stderr=theirs, cwd=ROOT, env={**kept, "TERM": "xterm", **environment}
    )
    os.close(theirs)
    written = b""
    while True:
        try:
            part = os.read(ours, 65536)
        except OSError:  # Linux's end of file, on a terminal that nobody holds
            break
        if not part:
            break
        written += part
    os.close(ours)
    assert process.wait(60) == 0
    return written.decode()


@pytest.mark.parametrize(
    ("argv", "progress"),
    [
        (CONFORM, "cells"),
        (CHECK, "second opinions"),
        (["backproof", "prove", "univariate"], "lemma: "),
        (["backproof", "descend", "univariate", "--steps", "300"], "random search"),
        (["tools.diagnosis_power", "--step", "60", "--rewrites", "50", CHECK[-1]], "right gradients"),
    ],
    ids=lambda argv: argv[1] if isinstance(argv, list) else "",
)
def test_a_terminal_shows_progress_with_an_estimate(argv, progress):
    written = in_terminal(*argv)
    shown = [CONTROL.sub("", line) for line in written.replace("\r", "\n").splitlines()]
    bars = [line for line in shown if re.search(r"\d+/\d+ +\d:\d\d:\d\d left", line)]
    assert any(progress in line for line in bars), bars
    assert max(map(len, shown)) <= 80


def test_colours_are_for_terminals():
    assert COLOUR.search(in_terminal(*CONFORM))
    assert not COLOUR.search(in_terminal(*CONFORM, NO_COLOR="1"))
    piped = subprocess.run([sys.executable, "-m", *CONFORM], cwd=ROOT, capture_output=True, text=True, check=True)
    assert "\x1b" not in piped.stdout + piped.stderr


WIDE = {
    "conform": "conform --backend numpy --backend tests.support.planted:numpy_drop_two --device all --cells quick",
    "mutants": "conform --backend mutants --cells quick --model univariate",
    "check": "check examples/derivations/ridge_regression.py",
    "check, wrong": "check examples/derivations/ridge_regression.py --gradients wrong_gradients",
    "prove": "prove univariate",
    "descend": "descend multivariate --steps 20",
    "backends": "backends",
}


def too_wide(text):
    """Lines over 80 columns; but an id, which is one word, is never broken."""
    return [line for line in text.splitlines() if len(line.rstrip()) > 80 and " " in line.strip()]


@pytest.mark.parametrize("case", WIDE)
def test_output_fits_80_columns(case, backproof, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.chdir(ROOT)
    _, out, err = backproof(*WIDE[case].split())
    assert len(out.splitlines()) > 5, err
    assert not too_wide(out + err)


@pytest.mark.parametrize("command", ["", "conform", "check", "prove", "descend", "explain", "backends"])
def test_help_fits_80_columns(command, backproof, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    _, out, _ = backproof(*command.split(), "--help")
    assert not too_wide(out)


def test_no_count_and_no_word_of_the_matrix_is_broken(backproof, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    _, out, _ = backproof(*WIDE["conform"].split(), "--backend", "tests.support.planted:Ascends")
    rows = [re.split("[│┃]", line)[1:-1] for line in out.splitlines() if re.match("[│┃]", line)]
    assert {len(row) for row in rows} == {6}
    words = {row[1].strip() for row in rows} - {"", "cells"}
    assert words <= {"pass", "FAIL", "inconclusive", "skip", "ERROR", "worst"}
    assert {"pass", "FAIL", "skip"} <= words
    numbers = [cell.strip() for row in rows if row[1].strip() in words for cell in row[2:]]
    assert all(re.fullmatch(r"[0-9.e+-]*", cell) for cell in numbers)
    passed = sum(int(row[5] or 0) for row in rows if row[1].strip() == "pass" and row[5].strip())
    assert passed > 0


def test_tables_of_benchmarks_fit_80_columns(monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "80")
    cell = "two_layer_nonlinear n=256,m=65536,k=256 float32 cpu"
    times = dict(median=1.23e-3, compile_seconds=12.3, dispatch_seconds=4.56e-4, floor=1.11e-3)
    one = dict(cell=cell, binds="bandwidth", threads=2, efficiency=0.98, gemm_share=0.87, error=1e-7, bound=1e-5)
    results = [
        one | times | dict(series="numpy:reference", verified=True, reason=None),
        one | times | dict(series="torch:compile", verified=False, reason="the parameters are beyond their bound"),
    ]
    ratio = dict(cell=cell, best="numpy:reference", peer="torch:compile", ratio=1.234, interval=[1.123, 1.345])
    left_out = [dict(cell=cell, series="jax:loop", reason="no time was left")]
    for table in tables(dict(results=results, noise={cell: ratio}, ratios=[ratio], left_out=left_out)):
        results_console().print(table)
    out = capsys.readouterr().out
    assert "98%" in out
    assert "jax:loop:" in out
    assert not too_wide(out)


def test_text_is_printed_as_it_is(capsys):
    results_console().print("jax:loop: [red]x[/red] :heart:")
    assert capsys.readouterr().out == "jax:loop: [red]x[/red] :heart:\n"


def test_a_bar_shows_names_as_they_are(monkeypatch, capsys):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "80")
    with bar(3, "jax:loop: {x} [red]") as shown:
        shown.advance(1)
        shown.at(2, 5, ":heart: next")
        with shown.hidden():
            pass
    written = capsys.readouterr()
    assert written.out == ""
    assert "jax:loop: {x} [red]" in written.err or ":heart: next" in written.err
