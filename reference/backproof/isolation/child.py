"""A supervised process that answers requests: every wait has a deadline, and what it says is plain data."""

from __future__ import annotations

import os
import select
import socket
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from backproof.isolation.channel import Channel, Wait
from backproof.isolation.frames import Malformed
from backproof.isolation.process import Process

BOOT = (
    "import sys; sys.path[:] = sys.argv[3:]; from backproof.isolation.server import main;"
    " main(int(sys.argv[1]), sys.argv[2])"
)
START_SECONDS = 300.0  # to import a framework on a cold disk
LOOK_SECONDS = 0.25  # between looks at a busy process's memory
MOST_WORDS = 2000  # letters of what a program says is wrong
MEMORY_SHARE = 0.6  # of this machine's memory: what one child may take before it is stopped


class ChildError(Exception):
    """Why there is no answer, in one line."""


class Refused(ChildError):
    """The program's own words: it lives, and may be asked again."""


class TimedOut(ChildError):
    """No whole answer within the time; its process is ended, as by all that follow."""


class Died(ChildError):
    """Its process ended, or closed its connection: `how`, in words."""

    def __init__(self, how: str) -> None:
        super().__init__(f"its process died ({how})")
        self.how = how


class TooLarge(ChildError):
    """It took more memory than it may."""


class Unreadable(ChildError):
    """What it sent is no frame."""


class Child:
    """The program `target` ("module:name", see `server`) in a process of its own, made there of `arguments`.

    `memory` bounds what it and its descendants take, in bytes. Of another thread's, `stop` alone may be called.
    Raises OSError where no process can be started. `ready` waits until its imports are done; so does the first `ask`,
    whose clock starts then.
    """

    def __init__(
        self,
        target: str,
        arguments: Sequence[Any] = (),
        *,
        memory: float | None = None,
        env: Mapping[str, str] | None = None,
        quiet: bool = False,
    ) -> None:
        self.memory = allowed_memory() if memory is None else memory
        ours, theirs = socket.socketpair()
        self._channel, self._arguments = Channel(ours), list(arguments)
        self._begun = self._ready = self._over = False
        self._using = threading.Lock()
        command = [sys.executable, "-c", BOOT, str(theirs.fileno()), target, *sys.path]
        nowhere = os.open(os.devnull, os.O_WRONLY) if quiet else None
        try:
            with theirs:
                self.process = Process(command, pass_fds=[theirs.fileno()], env=env, stdout=nowhere, stderr=nowhere)
        except BaseException:
            ours.close()
            raise
        finally:
            if nowhere is not None:
                os.close(nowhere)

    def ready(self, seconds: float = START_SECONDS) -> None:
        """Return when the program is imported and made. Raises ChildError; Refused too ends the process here."""
        self.begin(seconds)
        if not self._ready:
            try:
                self._answer(self._guarded(self._channel.receive, seconds), "ready")
            except Refused:
                self.stop()
                raise
            self._ready = True

    def send(self, name: str, *arguments: Any, seconds: float) -> None:
        """Ask, ready or not, without waiting for the answer. Raises ChildError."""
        self.begin(seconds)
        self._guarded(lambda wait: self._channel.send([name, *arguments], wait), seconds)

    def receive(self, seconds: float) -> Any:
        """The answer to what was sent; both it and the start are to come within `seconds`. Raises ChildError."""
        deadline = time.monotonic() + seconds
        self.ready(seconds)
        return self._answer(self._guarded(self._channel.receive, deadline - time.monotonic()), "answer")

    def ask(self, name: str, *arguments: Any, seconds: float) -> Any:
        """The program's answer. Raises Refused with its own words where it has none, another ChildError where its
        process gave none within `seconds`; then it is ended."""
        self.ready()
        deadline = time.monotonic() + seconds
        self.send(name, *arguments, seconds=seconds)
        return self._answer(self._guarded(self._channel.receive, deadline - time.monotonic(), seconds), "answer")

    def stop(self) -> None:
        """End it with all that it started; whoever waits for it is told."""
        self._over = True
        self.process.stop()
        if self._using.acquire(blocking=False):  # else whoever waits does so, in a moment
            try:
                self._channel.close()
                self.process.close()
            finally:
                self._using.release()

    def begin(self, seconds: float = START_SECONDS) -> None:
        """Hand over the program's arguments, so that it is made while something else is done. Raises ChildError."""
        if not self._begun:
            self._begun = True
            self._guarded(lambda wait: self._channel.send(self._arguments, wait), seconds)

    def _answer(self, frame: Any, key: str) -> Any:
        if isinstance(frame, dict) and frame.keys() == {key}:
            return frame[key]
        if isinstance(frame, dict) and frame.keys() == {"error"} and isinstance(frame["error"], str):
            raise Refused(frame["error"][:MOST_WORDS])
        self.stop()
        raise Unreadable("its answer cannot be read: it is not of the form agreed on")

    def _guarded(self, call: Callable[[Wait], Any], seconds: float, allowed: float | None = None) -> Any:
        """A call that may wait; whatever goes wrong ends the process, and is a ChildError. `allowed` seconds are what a
        time-out tells of, where some of them are gone."""
        try:
            with self._using:
                return self._said(call, seconds, seconds if allowed is None else allowed)
        except Refused:
            raise
        except BaseException:  # an interrupt, too: what comes after half a frame cannot be read
            self.stop()
            raise

    def _said(self, call: Callable[[Wait], Any], seconds: float, allowed: float) -> Any:
        if self._over:
            raise Died("it was ended before")
        try:
            found = call(self._waiter(seconds, allowed))
        except Malformed as error:
            raise Unreadable(f"its answer cannot be read: {error}") from None
        except (EOFError, OSError):
            raise Died(self.process.death()) from None
        except MemoryError:
            raise TooLarge("its answer is larger than the memory") from None
        self._look_at_memory(descendants=False)  # many answers are quick
        return found

    def _waiter(self, seconds: float, allowed: float) -> Wait:
        deadline, poll = time.monotonic() + seconds, select.poll()
        poll.register(self.process.control, select.POLLIN)

        def wait(event: int) -> None:
            poll.register(self._channel.connection, event)
            while (left := deadline - time.monotonic()) > 0:
                ready = dict(poll.poll(1000 * min(left, LOOK_SECONDS)))
                if self._channel.connection.fileno() in ready:
                    return
                if ready:  # its supervisor speaks: it ended, though a descendant may hold the connection open
                    raise EOFError
                self._look_at_memory()
            raise TimedOut(f"no answer within {allowed:g} s")

        return wait

    def _look_at_memory(self, descendants: bool = True) -> None:
        if (taken := self.process.memory(descendants)) > self.memory:
            raise TooLarge(f"it took {taken / 2**30:.1f} GiB of memory; {self.memory / 2**30:.1f} GiB are allowed")


def allowed_memory() -> float:
    """Bytes that one child may take on this machine; infinite where the system does not say."""
    try:
        return MEMORY_SHARE * float(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    except (ValueError, OSError, AttributeError):
        return float("inf")
