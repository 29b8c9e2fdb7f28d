"""What Python's audit events say that this process reads, as long as it runs.

A hook cannot be removed again: `record` is for processes of one backend. It must never raise, since that would stop
what it only watches.
"""

import os
import sys
import time
from collections.abc import Callable, Mapping
from types import FrameType
from typing import Any

from backproof.evidence.fingerprint import installed

OURS = ("backproof", "backproof_numpy", "backproof_torch", "backproof_jax", "backproof_numba", "backproof_cupy")
STARTS = (  # a new process, of which nothing is seen
    "subprocess.Popen", "os.posix_spawn", "os.spawn", "os.exec", "os.system", "os.startfile",
)  # fmt: skip
FORKS = ("os.fork", "os.forkpty")
LAUNCHERS = ("subprocess", "multiprocessing", "concurrent", "asyncio", "os", "pty", "threading", "runpy", "importlib")
SPAWNERS = ("multiprocessing.popen_spawn_posix", "multiprocessing.popen_forkserver")  # they start without an event
SHELL = ("PATH", "COLUMNS", "LINES", "TERM", "NO_COLOR")  # of where it was started; libraries ask for them in passing


class Events:
    """Everything seen so far. `top` is the top-level module of the backend, whose code is the user's own wherever it
    is installed."""

    def __init__(self, top: str) -> None:
        self.top = None if top in OURS else top
        self.read: dict[str, int] = {}  # by path, when it was first opened (ns)
        self.written: set[str] = set()
        self.dirty: set[str] = set()  # of these, what was written since someone looked
        self.listed: set[str] = set()
        self.asked: set[str] = set()  # modules that were looked for, found or not
        self.unknown: dict[str, None] = {}  # what cannot be known, in the order it was met
        self._handlers: dict[str, Callable[[Any], None]] = {
            "open": lambda arguments: self._open(*arguments),
            "sqlite3.connect": lambda arguments: self._open(arguments[0], "r", 0),
            "ctypes.dlopen": lambda arguments: self._library(arguments[0]),
            "import": lambda arguments: self._import(arguments[0]),
            "os.listdir": lambda arguments: self._list(arguments[0]),
            "os.scandir": lambda arguments: self._list(arguments[0]),
            "os.rename": lambda arguments: self._move(arguments[1]),
            "socket.connect": lambda _: self._network(),
            **dict.fromkeys(STARTS, self._start),
            **dict.fromkeys(FORKS, lambda _: self._fork()),
        }

    def record(self) -> None:
        """Watch from now on."""
        sys.addaudithook(self._hook)

    def _hook(self, event: str, arguments: Any) -> None:
        handler = self._handlers.get(event)
        if handler is not None:
            try:
                handler(arguments)
            except Exception as error:
                self.unknown.setdefault(f"an event could not be recorded ({event}: {type(error).__name__})")

    def _open(self, path: Any, mode: str | None, flags: int) -> None:
        if isinstance(path, int):
            return
        name = absolute(path)
        if mode is None:
            reads, writes = (flags & os.O_ACCMODE) != os.O_WRONLY, bool(flags & os.O_ACCMODE)
        else:
            reads, writes = "r" in mode or "+" in mode, any(letter in mode for letter in "wax+")
        if reads:
            self.read.setdefault(name, time.time_ns())
        if writes:
            self._write(name)

    def _write(self, name: str) -> None:
        """A file that was there, is read and then written is a state: what the first read saw is gone. Locks are empty,
        and caches of frameworks are theirs to keep."""
        state = name in self.read and name not in self.written and os.path.isfile(name) and os.path.getsize(name)
        if state and any(self.is_user(frame) for frame in _frames()):
            self.unknown.setdefault(f"{os.path.basename(name)} is read and then written by it")
        self.written.add(name)
        self.dirty.add(name)

    def _move(self, target: Any) -> None:
        if not isinstance(target, int):
            self._write(absolute(target))

    def _library(self, name: Any) -> None:
        if isinstance(name, str | bytes) and os.sep in os.fsdecode(name):
            self.read.setdefault(absolute(name), time.time_ns())

    def _import(self, name: str) -> None:
        self.asked.add(name)
        if name in SPAWNERS:
            self._fork()

    def _list(self, path: Any) -> None:
        importing = _module(next(_frames())).startswith("importlib._bootstrap")
        if not importing and not isinstance(path, int) and self.is_user(self.first(_frames(), ())):
            self.listed.add(absolute("." if path is None else path))

    def _start(self, arguments: Any) -> None:
        if self.is_user(self.first(_frames(), LAUNCHERS)):
            program = arguments[0] if isinstance(arguments[0], str | bytes | os.PathLike) else "a program"
            self.unknown.setdefault(
                f"it starts {os.path.basename(os.fsdecode(program))}, and what that reads is not seen"
            )

    def _fork(self) -> None:
        if any(self.is_user(frame) for frame in _frames()):
            self.unknown.setdefault("it starts processes of its own, and what these read is not seen")

    def _network(self) -> None:
        if any(self.is_user(frame) for frame in _frames()):
            self.unknown.setdefault("it opens network connections, and what comes from there is not seen")

    def first(self, frames: Any, skipped: tuple[str, ...]) -> FrameType | None:
        """The innermost frame outside the standard library (or, with `skipped`, outside these modules of it)."""
        return next((f for f in frames if _top(f) not in (skipped or sys.stdlib_module_names)), None)

    def is_user(self, frame: FrameType | None) -> bool:
        """Whether a frame runs a user's own code."""
        if frame is None:
            return False
        top = _top(frame)
        if top == self.top:
            return True
        if top in OURS or top in sys.stdlib_module_names:
            return False
        return installed(str(frame.f_globals.get("__file__") or frame.f_code.co_filename)) is None


class Variables:
    """The environment's variables that are read by name in this process, or by a user's code in whatever way."""

    def __init__(self, events: Events) -> None:
        self.first = dict(os.environ)  # as they were inherited
        self.read: set[str] = set()
        self._events, self._next = events, ""

    def record(self) -> None:
        """Watch from now on: `os.environ` reports its look-ups. Native code asks the system, and is not seen."""
        kind, variables = type(os.environ), self

        class Recorded(kind):  # type: ignore[misc, valid-type]
            def __iter__(self) -> Any:
                for name in super().__iter__():
                    variables._next = name
                    yield name

            def __getitem__(self, name: str) -> str:
                variables._look_up(name)
                return str(super().__getitem__(name))

        os.environ.__class__ = Recorded

    def _look_up(self, name: Any) -> None:
        if not isinstance(name, str):  # which is refused
            return
        copied, self._next = name == self._next, ""  # all are copied, as for another process: no one asks for this
        asks = self._events.first(_frames(), ())
        if asks and (self._events.is_user(asks) or not (copied or name in SHELL or _top(asks) in OURS)):
            self.read.add(name)

    def values(self, prefixes: tuple[str, ...]) -> Mapping[str, str | None]:
        """Their values as inherited (None where unset), with all that begin with `prefixes`."""
        names = self.read | {name for name in self.first if name.startswith(prefixes)}
        return {name: self.first.get(name) for name in sorted(names)}


def absolute(path: Any) -> str:
    """A path as text from the root; links stay, since what they lead to may change."""
    return os.path.abspath(os.fsdecode(path))


def _frames() -> Any:
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        if frame.f_code.co_filename != __file__:
            yield frame
        frame = frame.f_back


def _module(frame: FrameType) -> str:
    return str(frame.f_globals.get("__name__") or "")


def _top(frame: FrameType) -> str:
    return _module(frame).partition(".")[0]
