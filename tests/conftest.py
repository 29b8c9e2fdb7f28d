"""Options of the matrix, and the one conformance session its tests share."""

import importlib.util
import inspect
import itertools
import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest
from tests.support import commands
from tests.support.pages import browser

from backproof.cli import main
from backproof.conformance.session import Session
from backproof.core.errors import InputError
from backproof.isolation.process import Process
from backproof.models import MODELS
from backproof.models.model import Model

SESSION = pytest.StashKey[Session]()
SLOW = Path(__file__).parent / "slow"


def pytest_configure(config):
    """Processes are killed when they are done with. Where coverage is measured, they are first asked to end, so that
    they write down what they ran."""
    os.environ["BACKPROOF_TRACEBACK"] = "1"  # an error of ours fails a test, as its stack, never as one more line
    coverage = sys.modules.get("coverage")
    if coverage is not None and coverage.Coverage.current() is not None:
        subprocess.Popen.kill = _asked_first(subprocess.Popen, subprocess.Popen.kill)
        Process.stop = _child_asked_first(Process.stop)


def _asked_first(kind, kill):
    def ask(process):
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(3)
        kill(process)

    return ask


def _child_asked_first(stop):
    def ask(process):
        with suppress(OSError):
            if process.poll() is None:
                os.kill(process.pid, signal.SIGTERM)
                process.wait(3)
        stop(process)

    return ask


def pytest_addoption(parser):
    group = parser.getgroup("backproof")
    group.addoption("--backend", action="append", default=[], help="a backend of the matrix (default: all registered)")
    group.addoption("--device", default="cpu", help="cpu, cuda or all (default: cpu)")
    group.addoption("--cells", default="default", help="quick, default or full")


def pytest_generate_tests(metafunc):
    if "cell" in metafunc.fixturenames:
        cells = _session(metafunc.config).cells
        metafunc.parametrize("cell", cells, ids=[cell.id for cell in cells])


def _session(config):
    """Opened when the matrix is collected. A backend that is missing, or a matrix of no cells, is an error."""
    if SESSION not in config.stash:
        option = config.getoption
        try:
            config.stash[SESSION] = Session.open(
                backends=option("--backend") or ["all"], device=option("--device"), cells=option("--cells")
            )
        except InputError as error:
            raise pytest.UsageError(str(error)) from None
    return config.stash[SESSION]


def pytest_collection_modifyitems(items):
    """Markers that follow from where a test lies and what it asks for; `gpu` stands in the files themselves."""
    for item in items:
        if SLOW in item.path.parents:
            item.add_marker("slow")
        if "started" in item.fixturenames:
            item.add_marker("browser")


@pytest.fixture(scope="module")
def started():
    """A browser; where none can be had, the test is skipped."""
    with browser() as one:
        yield one


@pytest.fixture
def backproof(capsys):
    """Run a command in this process: exit code, standard output, standard error."""

    def run(*argv):
        with pytest.raises(SystemExit) as exited:
            main([str(argument) for argument in argv])
        out, err = capsys.readouterr()
        return exited.value.code or 0, out, err

    return run


@pytest.fixture
def refused(capsys):
    """Run a command (`tests/support/commands.py`) that must be refused: one line, on standard error alone."""

    def run(*argv):
        code, (out, err) = commands.main(*argv), capsys.readouterr()
        assert (code, out) == (2, ""), err
        assert err.count("\n") == 1, err
        assert "Traceback" not in err
        return err

    return run


@pytest.fixture(scope="session")
def session(request):
    return _session(request.config)


def pytest_unconfigure(config):
    if SESSION in config.stash:
        config.stash[SESSION].close()


@pytest.fixture
def mutant(tmp_path):
    """A model whose file has each `old` replaced by its `new`, read from disk as the shipped ones are."""
    serial = itertools.count()

    def make(name, *edits):
        text = inspect.getsource(inspect.getmodule(MODELS[name].gradients))
        for old, new in zip(edits[::2], edits[1::2], strict=True):
            assert text.count(old) == 1, f"{old!r} occurs {text.count(old)} times in {name}"
            text = text.replace(old, new)
        folder = tmp_path / str(next(serial))
        folder.mkdir()
        (folder / f"{name}.py").write_text(text)
        spec = importlib.util.spec_from_file_location(name, folder / f"{name}.py")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return Model.from_module(module)

    return make
