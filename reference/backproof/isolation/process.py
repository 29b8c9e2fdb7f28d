"""A process that ends when it is told to, when its command does, and with all that it started."""

from __future__ import annotations

import os
import select
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO

from backproof.isolation import supervisor
from backproof.isolation.death import death

START_SECONDS = 60.0  # for the supervisor, on a machine that has much else to do
END_SECONDS = 15.0  # for the supervisor to kill all
PAGE = os.sysconf("SC_PAGE_SIZE")


class Process:
    """`command` in a session of its own, under a supervisor (see `supervisor`). Raises OSError where it cannot start.

    `pass_fds` are descriptors it shares; the standard streams are as in `subprocess.Popen`, input empty by default.
    """

    def __init__(
        self,
        command: Sequence[str],
        *,
        pass_fds: Sequence[int] = (),
        env: Mapping[str, str] | None = None,
        stdin: int | IO[bytes] | None = subprocess.DEVNULL,
        stdout: int | IO[bytes] | None = None,
        stderr: int | IO[bytes] | None = None,
    ) -> None:
        self.control, theirs = socket.socketpair()
        self._lock = threading.Lock()  # one thread may stop what another waits for
        self._said = b""
        self._silent = False  # the supervisor will say no more
        try:
            with theirs:
                self._supervisor = subprocess.Popen(
                    [sys.executable, "-I", "-S", supervisor.__file__, str(theirs.fileno()), *command],
                    pass_fds=[theirs.fileno(), *pass_fds],
                    env=env,
                    stdin=stdin,
                    stdout=stdout,
                    stderr=stderr,
                    start_new_session=True,
                )
        except BaseException:
            self.control.close()
            raise
        self.pid = int(self._line("pid", START_SECONDS) or 0)
        if not self.pid:
            said = self._line("error", 0)
            self.close()
            raise OSError(f"a process cannot be started: {said or 'its supervisor died'}")

    def poll(self) -> int | None:
        """The exit code, a signal's negative; None while it runs. A supervisor that was killed counts as SIGKILL."""
        return self.wait(0)

    def wait(self, seconds: float) -> int | None:
        """As `poll`, waiting for it."""
        told = self._line("code", seconds)
        if told is not None:
            return int(told)
        if self._silent:  # its end of the connection closes a moment before it can be waited for
            with suppress(subprocess.TimeoutExpired):
                self._supervisor.wait(seconds)
        return -signal.SIGKILL if self._supervisor.poll() is not None else None

    def death(self, seconds: float = 2.0) -> str:
        """How it ended, in words."""
        return death(self.wait(seconds))

    def stop(self) -> None:
        """End it with all that it started, whatever these are doing; nothing where that is done."""
        with self._lock:
            with suppress(OSError):
                self.control.shutdown(socket.SHUT_WR)
            try:
                self._supervisor.wait(END_SECONDS)
            except subprocess.TimeoutExpired:  # stopped, or starved: then without it
                self._supervisor.kill()
                self._supervisor.wait()
                if getattr(self, "pid", 0):
                    with suppress(OSError):
                        os.killpg(self.pid, signal.SIGKILL)

    def close(self) -> None:
        """Stop it and forget it, where nobody waits for it any more."""
        self.stop()
        self.control.close()

    def memory(self, descendants: bool = True) -> int:
        """Bytes of memory that it (and what it started) takes; 0 where the system does not say."""
        if not descendants:
            return _resident(self.pid)
        parents, pids = supervisor.parents(), [self.pid]
        for pid in pids:  # which grows
            pids += [child for child, parent in parents.items() if parent == pid]
        return _resident(self.pid) if len(pids) == 1 else sum(map(_proportional, pids))

    def _line(self, name: str, seconds: float) -> str | None:
        """What the supervisor says of `name`, None if nothing within `seconds` or to its end."""
        while True:
            for line in self._said.splitlines():
                if line.startswith(name.encode() + b" "):
                    return line.decode().partition(" ")[2]
            try:
                poll = select.poll()
                poll.register(self.control, select.POLLIN)
                if not poll.poll(1000 * seconds):
                    return None
                if not (more := self.control.recv(4096)):
                    self._silent = True
                    return None
            except (OSError, ValueError):  # closed
                return None
            self._said += more


def _proportional(pid: int) -> int:
    """A process's memory, what it shares with others by its share: a forked pool is not counted many times."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii").splitlines()
        return 1024 * int(next(line for line in lines if line.startswith("Pss:")).split()[1])
    except (OSError, StopIteration):
        return 0


def _resident(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/statm").read_bytes().split()[1]) * PAGE
    except (OSError, IndexError):
        return 0
