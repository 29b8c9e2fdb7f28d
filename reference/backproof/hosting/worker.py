"""A backend in a process of its own: what it crashes, hangs or leaks is its own, and what it answers is plain data."""

import threading
from contextlib import suppress
from dataclasses import asdict, fields
from typing import Any

import numpy as np

from backproof.core.errors import InputError
from backproof.evidence.manifest import Manifest
from backproof.evidence.watch import Watch
from backproof.hosting.answers import SENT, described, evaluation
from backproof.hosting.evaluation import Evaluation, Failure, Task, evaluate
from backproof.hosting.protocol import Backend
from backproof.hosting.registry import Description, describe, entry_point, load
from backproof.isolation.child import START_SECONDS, Child, ChildError, Died, Refused, TimedOut
from backproof.isolation.death import one_line

PROGRAM = "backproof.hosting.worker:Program"


class OutOfTime(Failure):
    """No answer within the time that it had."""


class Program:
    """The backend's side (`isolation.server`). Raises InputError where it cannot be loaded."""

    def __init__(self, spec: str) -> None:
        with suppress(InputError):  # reported when it is loaded
            self.watch = Watch(entry_point(spec).module)
            self.watch.start()
        self.backend, self.description = introduced(spec)

    def answer(self, name: str, *arguments: Any) -> dict[str, Any]:
        """What the backend says of itself, or its answer to a task, or why there is none; and what was read for it."""
        said = {"description": asdict(self.description)} if name == "describe" else self._evaluated(Task(*arguments))
        read = self.watch.look()
        return said | {"read": None if read is None else vars(read)}

    def _evaluated(self, task: Task) -> dict[str, Any]:
        try:
            with np.errstate(all="ignore"):  # NaN and Inf go in on purpose; the verdict looks at what comes out
                answer = evaluate(self.backend, task)
        except BaseException as error:
            return {"failure": self.explain(error)}
        return {"evaluation": {name: getattr(answer, name) for name in SENT}}

    def explain(self, error: BaseException) -> str:
        return one_line(error)


def introduced(spec: str) -> tuple[Backend, Description]:
    """A backend, imported, and what it says of itself. Raises InputError for what is wrong with it."""
    try:
        backend = load(spec)
        return backend, describe(spec, backend)
    except InputError:
        raise
    except BaseException as error:
        raise InputError(f"backend {spec}: it does not describe itself: {one_line(error)}") from None


class Worker:
    """The process of the backend `spec`; started on first use, and again after a crash or a time-out."""

    def __init__(self, spec: str, memory: float | None = None) -> None:
        self.spec, self.memory = spec, memory  # bytes; by default a share of the machine's
        self.manifest = Manifest()  # of what its processes read
        self._child: Child | None = None
        self._over: str | None = None  # why it answers no more
        self._lock = threading.Lock()  # `close` comes from another thread than `run`

    def start(self) -> Description:
        """Start the process; what the backend says of itself. Raises InputError if it cannot be loaded."""
        with self._lock:
            if self._over:
                raise InputError(self._over)
            child = self._child = Child(PROGRAM, [self.spec], memory=self.memory)
        try:
            child.ready(START_SECONDS)
            return described(self._told(child.ask("describe", seconds=START_SECONDS), "description"))
        except Refused as error:
            self._end()
            raise InputError(str(error)) from None
        except (ChildError, TypeError) as error:
            self._end()
            raise InputError(f"backend {self.spec}: {error}") from None

    def run(self, task: Task, seconds: float) -> Evaluation | Failure:
        """The backend's answer, or why there is none; never longer than `seconds` (plus a restart)."""
        if self._over:
            return Failure(self._over)
        try:
            if self._child is None:
                self.start()
        except InputError as error:
            self._over = f"it cannot be started again: {error}"
            return Failure(self._over)
        child = self._child
        try:
            if child is None:
                raise Died("it was ended")
            asked = [getattr(task, field.name) for field in fields(task)]
            said = child.ask("evaluate", *asked, seconds=seconds)
            if isinstance(said, dict) and isinstance(said.get("failure"), str):
                return Failure(str(self._told(said, "failure")))
            return evaluation(self._told(said, "evaluation"))
        except Refused as error:
            return Failure(str(error))
        except TypeError as error:
            reason: Failure = Failure(str(error))
        except ChildError as error:
            reason = OutOfTime(str(error)) if isinstance(error, TimedOut) else Failure(str(error))
        self._end()
        return Failure(self._over) if self._over else reason

    def _told(self, said: Any, what: str) -> Any:
        """An answer without what was read for it, which is noted. Raises TypeError where it is not of that form."""
        if not isinstance(said, dict) or said.keys() != {what, "read"}:
            raise TypeError("its answer cannot be read")
        if said["read"] is not None:
            self.manifest.merge(Manifest.from_plain(said["read"]))
        return said[what]

    def _end(self) -> None:
        with self._lock:
            child, self._child = self._child, None
        if child is not None:
            child.stop()

    def close(self) -> None:
        """End the process for good, whatever it is doing."""
        self._over = "its run is over"
        self._end()
