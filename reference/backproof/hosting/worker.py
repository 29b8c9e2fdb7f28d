"""A backend in a process of its own: what it crashes, hangs or leaks is its own."""

import multiprocessing
import os
import signal
import sys
import threading
import time
from contextlib import suppress
from multiprocessing.connection import Connection
from typing import Any

import numpy as np

from backproof.core.errors import InputError
from backproof.evidence.manifest import Manifest
from backproof.evidence.watch import Watch
from backproof.hosting.evaluation import Evaluation, Failure, Task, evaluate
from backproof.hosting.protocol import Backend
from backproof.hosting.registry import Description, describe, entry_point, load
from backproof.isolation.death import death, one_line

START_SECONDS = 300.0  # to import a framework on a cold disk
LOOK_SECONDS = 0.5  # between looks at a busy process's memory
MEMORY_SHARE = 0.6  # of this machine's memory: what one backend may take before it is stopped


def introduce(connection: Connection, spec: str) -> Backend | None:
    """A new process's first words: the backend's description, or what is wrong with it (then None is returned)."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle
    os.dup2(sys.stderr.fileno(), 1)  # standard output belongs to results
    try:
        backend = load(spec)
        connection.send(describe(spec, backend))
    except InputError as error:
        connection.send(error)
        return None
    except BaseException as error:
        connection.send(InputError(f"backend {spec}: it does not describe itself: {one_line(error)}"))
        return None
    return backend


def _serve(connection: Connection, spec: str) -> None:
    with suppress(InputError):  # said when it is loaded
        watch = Watch(entry_point(spec).module)
        watch.start()
    backend = introduce(connection, spec)
    if backend is None:
        return
    connection.send(watch.look())
    while True:
        try:
            task = connection.recv()
        except EOFError:
            return  # the parent is gone
        try:
            with np.errstate(all="ignore"):  # NaN and Inf go in on purpose; the verdict looks at what comes out
                answer: Evaluation | Failure = evaluate(backend, task)
        except BaseException as error:
            answer = Failure(one_line(error))
        if new := watch.look():
            connection.send(new)
        connection.send(answer)


def _physical_memory() -> float:
    """This machine's memory in bytes; infinite where the system does not say."""
    try:
        return float(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    except (ValueError, OSError, AttributeError):
        return float("inf")


def _resident_memory(pid: int) -> int:
    """The resident memory of a process in bytes; 0 where the system does not say."""
    try:
        with open(f"/proc/{pid}/statm", encoding="ascii") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return 0


class Worker:
    """The process of the backend `spec`; started on first use, and again after a crash or a time-out."""

    def __init__(self, spec: str, memory: float | None = None) -> None:
        self.spec = spec
        self.manifest = Manifest()  # of what its processes read
        self.memory = MEMORY_SHARE * _physical_memory() if memory is None else memory  # bytes
        self._process: Any = None
        self._connection: Any = None
        self._over: str | None = None  # why it answers no more
        self._lock = threading.Lock()  # `close` comes from another thread than `run`

    def start(self) -> Description:
        """Start the process; what the backend says of itself. Raises InputError if it cannot be loaded."""
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        process = context.Process(target=_serve, args=(theirs, self.spec), daemon=True)
        with self._lock:
            if self._over:
                raise InputError(self._over)
            signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})  # inherited: Ctrl-C is not the child's
            try:
                process.start()
            finally:
                signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
            self._process, self._connection = process, ours
        theirs.close()
        answer = self._receive(START_SECONDS)
        if isinstance(answer, Description):
            description, answer = answer, self._receive(START_SECONDS)
            if isinstance(answer, Manifest):
                self.manifest.merge(answer)
                return description
        self._end()
        raise answer if isinstance(answer, InputError) else InputError(f"backend {self.spec}: {answer.reason}")

    def run(self, task: Task, seconds: float) -> Evaluation | Failure:
        """The backend's answer, or why there is none; never longer than `seconds` (plus a restart)."""
        if self._over:
            return Failure(self._over)
        try:
            if self._process is None:
                self.start()
        except InputError as error:
            self._over = f"it cannot be started again: {error}"
            return Failure(self._over)
        with suppress(OSError, AttributeError):  # it died, or was closed, between tasks: receiving says how
            self._connection.send(task)
        while isinstance(answer := self._receive(seconds), Manifest):
            self.manifest.merge(answer)
        return answer if isinstance(answer, Evaluation | Failure) else Failure(f"an unreadable answer: {answer!r}")

    def _receive(self, seconds: float) -> Any:
        process, connection = self._process, self._connection
        if connection is None:
            return Failure(self._over or "its process is gone")
        deadline = time.monotonic() + seconds
        reason = f"no answer within {seconds:g} s"
        try:
            while (left := deadline - time.monotonic()) > 0:
                answered = connection.poll(min(left, LOOK_SECONDS))
                answer = connection.recv() if answered else None
                if (taken := _resident_memory(process.pid)) > self.memory:
                    reason = f"it took {taken / 2**30:.1f} GiB of memory; {self.memory / 2**30:.1f} GiB are allowed"
                    break
                if answered:
                    return answer
        except (EOFError, OSError):
            process.join(5)
            reason = f"its process died ({death(process.exitcode)})"
        except Exception as error:
            reason = f"its answer cannot be read: {one_line(error)}"
        self._end()
        return Failure(reason)

    def _end(self) -> None:
        with self._lock:
            process, connection = self._process, self._connection
            self._process = self._connection = None
        if process is not None:
            process.kill()
            process.join()
            connection.close()

    def close(self) -> None:
        """End the process for good, whatever it is doing."""
        self._over = "its run is over"
        self._end()
