"""A backend in a process of its own, its threads set before import: it times, and hands back what it computed."""

import os
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, fields
from typing import Any, NoReturn

import numpy as np

from backproof.core.errors import InputError
from backproof.hosting.answers import described
from backproof.hosting.evaluation import derivation
from backproof.hosting.worker import introduced
from backproof.isolation.child import Child, ChildError, Died, Refused, TimedOut
from backproof.isolation.death import one_line
from backproof.models import MODELS
from benchmarks import ceilings, cuda
from benchmarks.cells import Cell, arrays, rate
from benchmarks.starts import Starts, Timed

SECONDS = 300.0  # for one answer: importing and compiling included
Start = tuple[Mapping[str, Any], float]  # arrays and a learning rate
PROGRAM = "benchmarks.worker:Program"
UNREADABLE = "gives an answer of another form than it was asked for"
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


class Worker:
    """Starts the process; every method is one request to it. Raises InputError where the backend cannot."""

    def __init__(self, spec: str, threads: int) -> None:
        self.spec, self.threads, self.deaths = spec, threads, 0
        self._placed: tuple[Any, ...] | None = None
        self._child: Child | None = self._start()
        self.description = described(self._ask("describe"))

    def _start(self) -> Child:
        threads = dict.fromkeys(THREADS, str(self.threads))  # as the affinity is, before import
        child = Child(PROGRAM, [self.spec], env=os.environ | threads)
        try:
            child.ready()
        except Refused as error:
            raise InputError(str(error)) from None
        except ChildError as error:
            raise InputError(f"backend {self.spec}: {error}") from None
        return child

    def place(self, cell: Cell, given: Start | None = None) -> None:
        """Make the cell's arrays on the device: those `given`, with their learning rate, of a user's derivation."""
        self._placed = None
        request = "place", [getattr(cell, field.name) for field in fields(cell)], given
        self._ask(*request)
        self._placed = request

    def run(self, series: str, steps: int) -> float:
        """Seconds of one descent, its parameters read; every call starts elsewhere (`starts`)."""
        seconds = self._ask("run", series, steps)
        return seconds if isinstance(seconds, float) else self._over(UNREADABLE)

    def timed(self, series: str, steps: int) -> Timed:
        """What the `run`s of so many steps came to."""
        said = self._ask("timed", series, steps)
        kinds = {"least": dict, "greatest": dict, "moved": float, "waited": float, "repeated": bool}
        plain = isinstance(said, dict) and said.keys() == kinds.keys()
        if not plain or not all(isinstance(said[name], kind) for name, kind in kinds.items()):
            self._over(UNREADABLE)
        if not (_are_arrays(said["least"]) and _are_arrays(said["greatest"])):
            self._over(UNREADABLE)
        return Timed(**said)

    def ends(self, series: str, steps: int) -> dict[str, Any]:
        """The parameters after one more descent, from the cell's own start."""
        ends = self._ask("ends", series, steps)
        if not _are_arrays(ends):
            self._over(UNREADABLE)
        return dict(ends)

    def ceilings(self, precision: str, device: str = "cpu", *look: Any) -> dict[str, float]:
        """As `ceilings.measure` without the library."""
        found = self._ask("ceilings", precision, device, *look)
        if not (isinstance(found, dict) and all(isinstance(value, float) for value in found.values())):
            self._over(UNREADABLE)
        return found

    def close(self) -> None:
        if self._child is not None:
            self._child.stop()
        self._child = None

    def _ask(self, *request: Any) -> Any:
        """The answer; of a new process, with the cell's arrays, where the last one died."""
        if self._child is None:
            self._child = self._start()
            if self._placed:
                self._ask(*self._placed)
        try:
            return self._child.ask(*request, seconds=SECONDS)
        except Refused as error:
            raise InputError(str(error)) from None
        except TimedOut:
            self._over(f"gives no answer within {SECONDS:g} s")
        except Died as error:
            self._over(f"died: its process ended ({error.how})")
        except ChildError as error:
            self._over(f"is stopped: {error}")

    def _over(self, how: str) -> NoReturn:
        self.deaths += 1
        self.close()
        raise InputError(f"backend {self.spec} {how}")


def _are_arrays(said: Any) -> bool:
    return isinstance(said, dict) and all(isinstance(a, np.ndarray) and a.dtype.kind == "f" for a in said.values())


class Program:
    """The backend's side (`isolation.server`)."""

    def __init__(self, spec: str) -> None:
        self.backend, self.description = introduced(spec)
        self._server, self._doing = _Server(self.backend), ""

    def answer(self, name: str, *arguments: Any) -> Any:
        """What the backend says of itself, or of one request of `Worker`, as plain values."""
        self._doing = name
        if name == "describe":
            return asdict(self.description)
        if name == "place":
            cell, given = arguments
            arguments = Cell(*cell), given
        answer = getattr(self._server, name)(*arguments)
        return answer.plain if isinstance(answer, Timed) else answer

    def explain(self, error: BaseException) -> str:
        return f"{self.backend.name}: {self._doing}: {one_line(error)}"


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
        return {name: np.asarray(self.backend.to_numpy(params[name])[0]) for name in self.model.params}

    def ceilings(self, precision: str, device: str = "cpu", *look: Any) -> dict[str, float]:
        return ceilings.measure(self.backend.name, precision, device, *look)
