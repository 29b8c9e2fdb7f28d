"""A backend in a process of its own: what it crashes, hangs or leaks is its own."""

import multiprocessing
import os
import signal
import sys
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any

import numpy as np

from backproof.backend import Backend
from backproof.conformance.cells import Arrays, Cell
from backproof.conformance.registry import Description, describe, load, one_line
from backproof.errors import InputError
from backproof.models import MODELS

START_SECONDS = 300.0  # to import a framework on a cold disk

Tensor = tuple[np.ndarray[Any, Any], str]  # values, and the name of the dtype they had


@dataclass(frozen=True)
class Evaluation:
    """What a backend answered for one cell."""

    loss: Tensor
    output: Tensor
    gradients: dict[str, Tensor]
    seconds: float


@dataclass(frozen=True)
class Failure:
    """Why it did not answer."""

    reason: str


def evaluate(backend: Backend, cell: Cell, arrays: Arrays) -> Evaluation:
    """Run one cell on a backend, in this process."""
    model = MODELS[cell.problem.model]
    ours = {name: backend.from_numpy(a, cell.problem.dtype, cell.device) for name, a in arrays.items()}
    params, data = {name: ours[name] for name in model.params}, {name: ours[name] for name in model.data}
    start = time.perf_counter()
    loss, output, gradients = backend.evaluate(model, cell.series, params, data)
    tensors = {str(name): backend.to_numpy(gradient) for name, gradient in gradients.items()}
    return Evaluation(backend.to_numpy(loss), backend.to_numpy(output), tensors, time.perf_counter() - start)


def _serve(connection: Connection, spec: str) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle
    os.dup2(sys.stderr.fileno(), 1)  # standard output belongs to results
    try:
        backend = load(spec)
        connection.send(describe(spec, backend))
    except InputError as error:
        connection.send(error)
        return
    except Exception as error:
        connection.send(InputError(f"backend {spec}: it does not describe itself: {one_line(error)}"))
        return
    while True:
        cell, arrays = connection.recv()
        try:
            connection.send(evaluate(backend, cell, arrays))
        except Exception as error:
            connection.send(Failure(one_line(error)))


class Worker:
    """The process of the backend `spec`; started on first use, and again after a crash or a time-out."""

    def __init__(self, spec: str) -> None:
        self.spec = spec
        self._process: Any = None
        self._connection: Any = None
        self._over: str | None = None  # why it answers no more
        self._lock = threading.Lock()  # `close` comes from another thread than `run`

    def start(self) -> Description:
        """Start the process; what the backend says of itself. Raises InputError (Missing) if it cannot be loaded."""
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        process = context.Process(target=_serve, args=(theirs, self.spec), daemon=True)
        with self._lock:
            if self._over:
                raise InputError(self._over)
            process.start()
            self._process, self._connection = process, ours
        theirs.close()
        answer = self._receive(START_SECONDS)
        if isinstance(answer, Description):
            return answer
        self._end()
        raise answer if isinstance(answer, InputError) else InputError(f"backend {self.spec}: {answer.reason}")

    def run(self, cell: Cell, arrays: Arrays, seconds: float) -> Evaluation | Failure:
        """The backend's answer for a cell, or why there is none; never longer than `seconds` (plus a restart)."""
        if self._over:
            return Failure(self._over)
        try:
            if self._process is None:
                self.start()
        except InputError as error:
            self._over = f"it cannot be started again: {error}"
            return Failure(self._over)
        with suppress(OSError, AttributeError):  # it died, or was closed, between cells: receiving says how
            self._connection.send((cell, arrays))
        answer = self._receive(seconds)
        return answer if isinstance(answer, Evaluation | Failure) else Failure(f"an unreadable answer: {answer!r}")

    def _receive(self, seconds: float) -> Any:
        process, connection = self._process, self._connection
        if connection is None:
            return Failure(self._over or "its process is gone")
        try:
            if connection.poll(seconds):
                return connection.recv()
            reason = f"no answer within {seconds:g} s"
        except (EOFError, OSError):
            process.join(5)
            code = process.exitcode
            died = f"killed by {signal.Signals(-code).name}" if code is not None and code < 0 else f"exit code {code}"
            reason = f"its process died ({died})"
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
