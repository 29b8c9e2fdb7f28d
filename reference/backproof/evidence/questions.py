"""What this process asks without an audit event: variables, whether a file exists, and where a module is found."""

import functools
import os
import stat
import sys
from collections.abc import Mapping
from typing import Any

from backproof.evidence.callers import Caller
from backproof.evidence.events import absolute

SHELL = ("PATH", "COLUMNS", "LINES", "TERM", "NO_COLOR")  # of where it was started; libraries ask for them in passing


class Questions:
    """Everything asked so far. Native code asks the system itself, and is not seen."""

    def __init__(self, caller: Caller) -> None:
        self.inherited = dict(os.environ)
        self.variables: set[str] = set()
        self.files: dict[str, None] = {}
        self.modules: set[str] = set()
        self.everything = False  # whether a user's code read the whole environment
        self._caller, self._next = caller, ""

    def record(self) -> None:
        """Watch from now on: `os.environ`, `os.stat`, `os.access` and the search for modules report each question."""
        for environment in (os.environ, os.environb):
            environment.__class__ = self._recorded(type(environment))
        os.access = self._access(os.access, os.stat)
        os.stat = self._stat(os.stat)
        os.lstat = self._stat(os.lstat)
        sys.meta_path.insert(0, _Searches(self.modules))

    def values(self, prefixes: tuple[str, ...]) -> Mapping[str, str | None]:
        """The variables asked for and those that begin with `prefixes`, as inherited (None where unset)."""
        names = self.variables | {name for name in self.inherited if name.startswith(prefixes)}
        return {name: self.inherited.get(name) for name in sorted(names)}

    def _recorded(self, kind: Any) -> Any:
        questions = self

        class Recorded(kind):  # type: ignore[misc]
            def __iter__(self) -> Any:
                if questions._caller.asks():
                    questions.everything = True
                for name in super().__iter__():
                    questions._next = name
                    yield name

            def __getitem__(self, name: Any) -> Any:
                questions._look_up(name)
                return super().__getitem__(name)

        return Recorded

    def _look_up(self, name: Any) -> None:
        copied, self._next = name == self._next, ""  # all are copied, as for another process: no one asks for this
        if isinstance(name, str | bytes):
            name = os.fsdecode(name)
            if self._caller.asks() or (not copied and name not in SHELL and self._caller.is_library()):
                self.variables.add(name)

    def _stat(self, function: Any) -> Any:
        @functools.wraps(function)
        def asked(path: Any, *, dir_fd: int | None = None, follow_symlinks: bool = True) -> Any:
            self._ask(function, path, dir_fd)
            if function.__name__ == "lstat":
                return function(path, dir_fd=dir_fd)
            return function(path, dir_fd=dir_fd, follow_symlinks=follow_symlinks)

        return _as_able(function, asked)

    def _access(self, function: Any, look: Any) -> Any:
        @functools.wraps(function)
        def asked(path: Any, mode: int, *, dir_fd: int | None = None, **options: bool) -> bool:
            self._ask(look, path, dir_fd)
            return bool(function(path, mode, dir_fd=dir_fd, **options))

        return _as_able(function, asked)

    def _ask(self, look: Any, path: Any, dir_fd: int | None) -> None:
        if not isinstance(path, int) and dir_fd is None and self._caller.asks():
            try:
                self._exists(look, absolute(path))
            except Exception:
                self.everything = True

    def _exists(self, function: Any, path: str) -> None:
        try:
            if stat.S_ISDIR(function(path).st_mode):
                return
        except (OSError, ValueError):
            pass
        self.files.setdefault(path)


def _as_able(function: Any, asked: Any) -> Any:
    """`asked`, in the sets of what the system's `function` can do (`shutil` looks there)."""
    for able in (os.supports_dir_fd, os.supports_effective_ids, os.supports_fd, os.supports_follow_symlinks):
        if function in able:
            able.add(asked)
    return asked


class _Searches:
    """First of the finders: it finds nothing, and so meets every name. `importlib.util.find_spec` imports nothing."""

    def __init__(self, names: set[str]) -> None:
        self._names = names

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> None:
        self._names.add(name)
