"""The user's process, seen from ours: requests with a time limit, and one line for whatever goes wrong."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import suppress
from multiprocessing import Pipe
from pathlib import Path
from types import TracebackType
from typing import Any

from backproof.core.errors import InputError
from backproof.core.files import check_size
from backproof.isolation.death import death
from backproof.models import MODELS

_BOOT = "import sys; sys.path[:] = sys.argv[2:]; from backproof.derivation.child import serve; serve(int(sys.argv[1]))"


class UserProcess:
    """A derivation file in a process of its own. Every request raises InputError where the file is at fault."""

    def __init__(self, path: str, seconds: float, hint: str = "; --time-limit allows more") -> None:
        _check(path)
        self.path, self.seconds, self.hint = path, seconds, hint
        self._connection, theirs = Pipe()
        self._process = subprocess.Popen(
            [sys.executable, "-c", _BOOT, str(theirs.fileno()), *sys.path],
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
            env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},  # its arrays are small
        )
        theirs.close()

    def __enter__(self) -> UserProcess:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """End the process, whatever it is doing."""
        self._process.kill()
        self._process.wait()
        self._connection.close()

    def load(self, hand: str = "gradients") -> dict[str, Any]:
        """Name, shapes, params and source of the file, whose function `hand` is the hand derivation."""
        description: dict[str, Any] = self.ask("load", str(Path(self.path).resolve()), hand)
        return description

    def ask(self, what: str, *arguments: Any) -> Any:
        """The answer to one request of `child`."""
        name = {"load": "loading it", "trace": "loss", "draw": "sample"}.get(what, what)
        try:
            self._connection.send((what, arguments))
            if not self._connection.poll(self.seconds):
                self.stop()
                raise InputError(f"{self.path}: {name} does not end within {self.seconds:g} s{self.hint}")
            kind, answer = self._connection.recv()
        except (EOFError, OSError):
            raise InputError(f"{self.path}: {name} ended its process ({self._death()})") from None
        if kind == "error":
            raise InputError(f"{self.path}: {answer}")
        return answer

    def _death(self) -> str:
        with suppress(subprocess.TimeoutExpired):  # it closed its end, and runs on
            self._process.wait(5)
        return death(self._process.returncode)


def _check(path: str) -> None:
    file = Path(path)
    try:
        file.stat()
    except FileNotFoundError:
        proved = f"; the four models are proved by backproof prove {path}" if path in MODELS else ""
        raise InputError(f"{path}: no such file{proved}") from None
    except (OSError, ValueError) as error:  # a name too long, below a file, a loop of links
        raise InputError(f"{path} cannot be read: {getattr(error, 'strerror', error)}") from None
    if file.is_dir():
        raise InputError(f"{path} is a folder; give the derivation's .py file")
    if file.suffix != ".py" or not file.is_file():
        raise InputError(f"{path} is no Python file; its name must end in .py")
    if not os.access(file, os.R_OK):
        raise InputError(f"{path} cannot be read: no permission")
    check_size(path)
