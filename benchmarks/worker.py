"""A backend in a process of its own, its threads set before import: it times, and hands back what it computed."""

import multiprocessing
import os
import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from backproof.conformance.evaluation import derivation
from backproof.conformance.registry import one_line
from backproof.conformance.worker import introduce
from backproof.errors import InputError
from backproof.models import MODELS
from benchmarks import ceilings, cuda
from benchmarks.cells import Cell, arrays, rate

SECONDS = 300.0  # for one answer: importing and compiling included
Start = tuple[Mapping[str, Any], float]  # arrays and a learning rate
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


class Worker:
    """Starts the process; every method is one request to it. Raises InputError where the backend cannot."""

    def __init__(self, spec: str, threads: int) -> None:
        os.environ.update(dict.fromkeys(THREADS, str(threads)))  # inherited, as the affinity is: set before import
        context = multiprocessing.get_context("spawn")
        self._connection, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs, spec), daemon=True)
        self._process.start()
        theirs.close()
        self.description = self._receive()

    def place(self, cell: Cell, given: Start | None = None) -> None:
        """Make the cell's arrays on the device: those `given`, with their learning rate, of a user's derivation."""
        self._ask("place", cell, given)

    def run(self, series: str, steps: int) -> float:
        """Seconds of one descent, finished on return."""
        seconds: float = self._ask("run", series, steps)
        return seconds

    def ends(self, series: str, steps: int) -> dict[str, Any]:
        """The parameters after a descent from the same start: those of the last `run`, if it was this one."""
        found: dict[str, Any] = self._ask("ends", series, steps)
        return found

    def ceilings(self, precision: str, device: str = "cpu", *look: Any) -> dict[str, float]:
        """As `ceilings.measure` without the library."""
        found: dict[str, float] = self._ask("ceilings", precision, device, *look)
        return found

    def close(self) -> None:
        self._process.kill()
        self._process.join()

    def _ask(self, *request: Any) -> Any:
        try:
            self._connection.send(request)
        except OSError:
            raise InputError(f"{self.description.name}: its process died") from None
        return self._receive()

    def _receive(self) -> Any:
        try:
            if not self._connection.poll(SECONDS):
                raise InputError(f"a backend gives no answer within {SECONDS:g} s")
            answer = self._connection.recv()
        except (EOFError, OSError):
            raise InputError("a backend's process died") from None
        if isinstance(answer, InputError):
            raise answer
        return answer


def _serve(connection: Any, spec: str) -> None:
    backend = introduce(connection, spec)
    if backend is None:
        return
    server = _Server(backend)
    while True:
        name, *arguments = connection.recv()
        try:
            connection.send(getattr(server, name)(*arguments))
        except Exception as error:
            connection.send(InputError(f"{backend.name}: {name}: {one_line(error)}"))


def _by_the_host(call: Callable[[], Any]) -> tuple[float, Any]:
    start = time.perf_counter()
    returned = call()
    return time.perf_counter() - start, returned


class _Server:
    def __init__(self, backend: Any) -> None:
        self.backend = backend
        self._last: tuple[tuple[str, int], Mapping[str, Any]] | None = None

    def place(self, cell: Cell, given: Start | None) -> None:
        self._last, model = None, derivation(cell.file) if cell.file else MODELS[cell.model]
        values, self.rate = given or (arrays(cell), rate(cell))
        values = {name: np.asarray(a, cell.dtype) for name, a in values.items()}
        ours = {name: self.backend.from_numpy(a, cell.dtype, cell.device) for name, a in values.items()}
        self.params, self.data = {n: ours[n] for n in model.params}, {n: ours[n] for n in model.data}
        self.model = model
        self.timed = (cuda.timer(self.backend.name) if cell.device == "cuda" else None) or _by_the_host

    def run(self, series: str, steps: int) -> float:
        seconds, ends = self.timed(
            lambda: self.backend.descend(self.model, series, self.params, self.data, self.rate, steps)
        )
        self._last = ((series, steps), ends)
        return seconds

    def ends(self, series: str, steps: int) -> dict[str, Any]:
        if self._last is None or self._last[0] != (series, steps):
            self.run(series, steps)
        assert self._last is not None
        return {name: self.backend.to_numpy(p)[0] for name, p in self._last[1].items()}

    def ceilings(self, precision: str, device: str = "cpu", *look: Any) -> dict[str, float]:
        return ceilings.measure(self.backend.name, precision, device, *look)
