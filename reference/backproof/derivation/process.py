"""The user's process, seen from ours: requests with a time limit, and one line for whatever goes wrong."""

from __future__ import annotations

import os
from pathlib import Path
from types import TracebackType
from typing import Any

from backproof.core.errors import InputError
from backproof.core.files import check_size
from backproof.derivation.answers import well_formed
from backproof.isolation.child import Child, ChildError, Died, Refused, TimedOut
from backproof.models import MODELS

PROGRAM = "backproof.derivation.child:Program"


class UserProcess:
    """A derivation file in a process of its own. Every request raises InputError where the file is at fault."""

    def __init__(self, path: str, seconds: float, hint: str = "; --time-limit allows more") -> None:
        _check(path)
        self.path, self.seconds, self.hint = path, seconds, hint
        one_thread = {**os.environ, "OPENBLAS_NUM_THREADS": "1"}  # its arrays are small
        self._child = Child(PROGRAM, [str(Path(path).resolve())], env=one_thread)

    def __enter__(self) -> UserProcess:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """End the process, whatever it is doing."""
        self._child.stop()

    def load(self, hand: str = "gradients") -> dict[str, Any]:
        """Name, shapes, params and source of the file, whose function `hand` is the hand derivation."""
        description: dict[str, Any] = self.ask("load", hand)
        return description

    def ask(self, what: str, *arguments: Any) -> Any:
        """The answer to one request of `child.Program`."""
        name = {"load": "loading it", "trace": "loss", "draw": "sample", "sampled": "sample"}.get(what, what)
        try:
            answer = self._child.ask(what, *arguments, seconds=self.seconds)
            if well_formed(what, answer):
                return answer
            self.stop()
            said = "gives an answer of another form than it was asked for"
        except Refused as error:
            raise InputError(f"{self.path}: {error}") from None
        except TimedOut:
            said = f"does not end within {self.seconds:g} s{self.hint}"
        except Died as error:
            said = f"ended its process ({error.how})"
        except ChildError as error:
            said = f"is stopped: {error}"
        raise InputError(f"{self.path}: {name} {said}")


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
