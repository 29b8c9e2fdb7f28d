"""What Python's audit events say that this process reads, as long as it runs.

A hook cannot be removed again: `record` is for processes of one backend. It must never raise, since that would stop
what it only watches.
"""

import os
import sys
import time
from collections.abc import Callable
from typing import Any

from backproof.evidence.callers import Caller

STARTS = (  # a new process, of which nothing is seen
    "subprocess.Popen", "os.posix_spawn", "os.spawn", "os.exec", "os.system", "os.startfile",
)  # fmt: skip
FORKS = ("os.fork", "os.forkpty")
SPAWNERS = ("multiprocessing.popen_spawn_posix", "multiprocessing.popen_forkserver")  # they start without an event


class Events:
    """Everything seen so far."""

    def __init__(self, caller: Caller) -> None:
        self.caller = caller
        self.read: dict[str, int] = {}  # by path, when it was first opened (ns)
        self.written: set[str] = set()
        self.dirty: set[str] = set()  # of these, what was written since someone looked
        self.listed: dict[str, None] = {}
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
        elsewhere = mode is None and reads and not os.path.isabs(os.fsdecode(path)) and not os.path.lexists(name)
        if elsewhere and self.caller.asks():  # the event does not say which folder's descriptor it is relative to
            self.unknown.setdefault(f"it opens {os.path.basename(name)} by a folder's descriptor")
        if writes:
            self._write(name)

    def _write(self, name: str) -> None:
        """A file that was there, is read and then written is a state: what the first read saw is gone. Locks are empty,
        and caches of frameworks are theirs to keep. Bytecode that Python itself writes is that of a source."""
        if self.caller.imports():
            return
        state = name in self.read and name not in self.written and os.path.isfile(name) and os.path.getsize(name)
        if state and self.caller.in_stack():
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
        if not self.caller.imports() and self.caller.asks():
            path = os.readlink(f"/proc/self/fd/{path}") if isinstance(path, int) else path
            self.listed.setdefault(absolute("." if path is None else path))

    def _start(self, arguments: Any) -> None:
        if self.caller.starts():
            program = arguments[0] if isinstance(arguments[0], str | bytes | os.PathLike) else "a program"
            self.unknown.setdefault(
                f"it starts {os.path.basename(os.fsdecode(program))}, and what that reads is not seen"
            )

    def _fork(self) -> None:
        if self.caller.in_stack() or not self.caller.is_library():
            self.unknown.setdefault("it starts processes of its own, and what these read is not seen")

    def _network(self) -> None:
        if self.caller.in_stack():
            self.unknown.setdefault("it opens network connections, and what comes from there is not seen")


def absolute(path: Any) -> str:
    """A path as text from the root; links stay, since what they lead to may change."""
    return os.path.abspath(os.fsdecode(path))
