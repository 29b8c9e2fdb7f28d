"""A backend in a process of its own, its threads set before import: it times, and hands back what it computed."""

import multiprocessing
import os
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, NoReturn

import numpy as np

from backproof.core.errors import InputError
from backproof.hosting.evaluation import derivation
from backproof.hosting.worker import introduce
from backproof.isolation.death import death, one_line
from backproof.models import MODELS
from benchmarks import ceilings, cuda
from benchmarks.cells import Cell, arrays, rate
from benchmarks.starts import Starts, Timed

SECONDS = 300.0  # for one answer: importing and compiling included
Start = tuple[Mapping[str, Any], float]  # arrays and a learning rate
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


class Worker:
    """Starts the process; every method is one request to it. Raises InputError where the backend cannot."""

    def __init__(self, spec: str, threads: int) -> None:
        self.spec, self.threads, self.deaths = spec, threads, 0
        self._placed: tuple[Any, ...] | None = None
        self._connection: Any = None
        self._process: Any = None
        self._start()

    def _start(self) -> None:
        os.environ.update(dict.fromkeys(THREADS, str(self.threads)))  # inherited, as the affinity is: before import
        context = multiprocessing.get_context("spawn")
        self._connection, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs, self.spec), daemon=True)
        self._process.start()
        theirs.close()
        self.description = self._receive()

    def place(self, cell: Cell, given: Start | None = None) -> None:
        """Make the cell's arrays on the device: those `given`, with their learning rate, of a user's derivation."""
        self._placed = None
        self._ask("place", cell, given)
        self._placed = "place", cell, given

    def run(self, series: str, steps: int) -> float:
        """Seconds of one descent, its parameters read; every call starts elsewhere (`starts`)."""
        seconds: float = self._ask("run", series, steps)
        return seconds

    def timed(self, series: str, steps: int) -> Timed:
        """What the `run`s of so many steps came to."""
        found: Timed = self._ask("timed", series, steps)
        return found

    def ends(self, series: str, steps: int) -> dict[str, Any]:
        """The parameters after one more descent, from the cell's own start."""
        found: dict[str, Any] = self._ask("ends", series, steps)
        return found

    def ceilings(self, precision: str, device: str = "cpu", *look: Any) -> dict[str, float]:
        """As `ceilings.measure` without the library."""
        found: dict[str, float] = self._ask("ceilings", precision, device, *look)
        return found

    def close(self) -> None:
        self._process.kill()
        self._process.join()
        self._connection = None

    def _ask(self, *request: Any) -> Any:
        """The answer; of a new process, with the cell's arrays, where the last one died."""
        if self._connection is None:
            self._start()
            if self._placed:
                self._ask(*self._placed)
        with suppress(OSError):  # it died between requests: receiving says how
            self._connection.send(request)
        return self._receive()

    def _receive(self) -> Any:
        try:
            if not self._connection.poll(SECONDS):
                self._over(f"gives no answer within {SECONDS:g} s")
            answer = self._connection.recv()
        except (EOFError, OSError):
            self._process.join(5)
            self._over(f"died: its process ended ({death(self._process.exitcode)})")
        if isinstance(answer, InputError):
            raise answer
        return answer

    def _over(self, how: str) -> NoReturn:
        self.deaths += 1
        self.close()
        raise InputError(f"backend {self.spec} {how}")


def _serve(connection: Any, spec: str) -> None:
    backend = introduce(connection, spec)
    if backend is None:
        return
    server = _Server(backend)
    while True:
        try:
            name, *arguments = connection.recv()
        except EOFError:
            return  # the parent is gone
        try:
            connection.send(getattr(server, name)(*arguments))
        except BaseException as error:  # sys.exit in a backend ends a series, not the run
            connection.send(InputError(f"{backend.name}: {name}: {one_line(error)}"))


def _by_the_host(call: Callable[[], Any]) -> tuple[float, Any]:
    start = time.perf_counter()
    returned = call()
    return time.perf_counter() - start, returned


class _Server:
    def __init__(self, backend: Any) -> None:
        self.backend = backend

    def place(self, cell: Cell, given: Start | None) -> None:
        model = derivation(cell.file) if cell.file else MODELS[cell.model]
        values, self.rate = given or (arrays(cell), rate(cell))
        values = {name: np.asarray(a, cell.dtype) for name, a in values.items()}
        self.model, self.cell = model, cell
        self.starts = Starts(model, {name: values[name] for name in model.params})
        self.data = self._ours({name: values[name] for name in model.data})
        self.turned = self.data | (self._ours({"y": -values["y"]}) if self.starts.turned(1) else {})
        self.timer = cuda.timer(self.backend.name) if cell.device == "cuda" else None
        self.calls: dict[str, int] = {}  # by series
        self.found: dict[tuple[str, int], Timed] = {}

    def run(self, series: str, steps: int) -> float:
        turn = self.calls[series] = self.calls.get(series, 0) + 1
        seconds, ends, waited = self._descend(series, steps, turn)
        self.found.setdefault((series, steps), Timed()).add(self.starts, turn, ends, waited / seconds)
        return seconds

    def timed(self, series: str, steps: int) -> Timed:
        if (series, steps) not in self.found:
            self.run(series, steps)
        return self.found[series, steps]

    def ends(self, series: str, steps: int) -> dict[str, Any]:
        return self._descend(series, steps, 0)[1]

    def _descend(self, series: str, steps: int, turn: int) -> tuple[float, dict[str, Any], float]:
        """Seconds of a call, the parameters read, and how much longer than it should reading them took.

        On the CPU reading is part of the call, as it is microseconds of its 10 ms: what is late is waited for. A
        GPU's parameters are copied, which can take as long as the steps: there it is timed apart."""
        params, data = self._ours(self.starts.of(turn)), self.turned if self.starts.turned(turn) else self.data

        def descend() -> Mapping[str, Any]:
            found: Mapping[str, Any] = self.backend.descend(self.model, series, params, data, self.rate, steps)
            return found

        if self.cell.device == "cpu":
            return *_by_the_host(lambda: self._read(descend())), 0.0
        usual, _ = _by_the_host(lambda: self._read(params))
        seconds, returned = (self.timer or _by_the_host)(descend)
        took, ends = _by_the_host(lambda: self._read(returned))
        return seconds, ends, max(took - 2 * usual, 0.0)

    def _ours(self, values: Mapping[str, Any]) -> dict[str, Any]:
        return {n: self.backend.from_numpy(a, self.cell.dtype, self.cell.device) for n, a in values.items()}

    def _read(self, params: Mapping[str, Any]) -> dict[str, Any]:
        return {name: self.backend.to_numpy(params[name])[0] for name in self.model.params}

    def ceilings(self, precision: str, device: str = "cpu", *look: Any) -> dict[str, float]:
        return ceilings.measure(self.backend.name, precision, device, *look)
