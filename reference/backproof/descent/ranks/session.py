"""This process as one of R ranks that run the same command: joined, its own columns, and errors that say who speaks."""

import hashlib
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from backproof.core.errors import InputError
from backproof.descent.checkpoint import Checkpoint
from backproof.descent.problem import Point, Problem
from backproof.descent.ranks.launch import place
from backproof.hosting.protocol import Ranks
from backproof.hosting.registry import load
from backproof.isolation.death import one_line
from backproof.models.model import Arrays, Model

T = TypeVar("T")

LOST = ("peer", "timed out", "timeout", "connection", "unavailable")  # in the message where another rank is missed


class RankFailure(InputError):
    """A rank cannot go on, often because another is gone: each says so for itself, and ends at once."""


class Member:
    """A joined rank as what makes the steps of a descent (`descent.Engine`). Every method is called on all ranks."""

    def __init__(self, spec: str, ranks: Ranks, name: str) -> None:
        self.spec, self.name, self.ranks = spec, name, ranks
        self.rank, self.size = ranks.rank, ranks.ranks

    def place(self, model: Model, columns: Arrays, m: int) -> None:
        """From now on the steps are the model's, over this rank's own `columns` among `m` of all."""
        self.model, self.columns, self.m = model, columns, m

    def advance(self, params: Arrays, learning_rate: float, steps: int) -> dict[str, Any]:
        return self.alone(lambda: self.ranks.descend(self.model, params, self.columns, self.m, learning_rate, steps))

    def loss(self, params: Arrays) -> float:
        return float(self.alone(lambda: self.ranks.evaluate(self.model, params, self.columns, self.m))[0])

    def reduce(self, values: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        """The sum over all ranks."""
        return self.alone(lambda: self.ranks.reduce(values))

    def agree(self, what: str, *values: Any) -> None:
        """InputError where `values` (arrays, numbers, text, bytes) are not the same bits on all ranks."""
        digest = hashlib.sha256()
        for value in values:
            digest.update(value.tobytes() if isinstance(value, np.ndarray) else repr(value).encode())
        bits = np.frombuffer(digest.digest(), np.uint8).astype(np.float64)
        total, squares = self.reduce(np.stack([bits, bits**2]))
        if (self.size * squares != total**2).any():  # by Cauchy and Schwarz, equal for equal bits alone
            raise InputError(f"the ranks differ in {what}; give all of them the same files and options")

    def alone(self, call: Callable[[], T]) -> T:
        """What a call gives in which this rank alone may fail. Raises RankFailure with what it met."""
        try:
            return call()
        except InputError as error:
            if self.size == 1:
                raise
            raise RankFailure(f"rank {self.rank} of {self.size}: {error}") from None
        except Exception as error:
            told = one_line(error)
            lost = any(word in told.lower() for word in LOST)
            what = "another rank is gone or silent" if lost else "it cannot go on"
            raise RankFailure(f"rank {self.rank} of {self.size}: {what}: {told}") from None


@dataclass(frozen=True)
class Kept(Checkpoint):
    """The checkpoint of a descent by ranks: rank 0 writes it, and alone meets what is wrong with that."""

    member: Member

    def bytes(self) -> bytes:
        """What the file holds now, nothing where there is none."""
        file = Path(self.file)
        return file.read_bytes() if file.is_file() else b""

    def save(self, problem: Problem, backend: str, path: Sequence[Point], step: int, params: Mapping[str, Any]) -> None:
        if self.member.rank == 0:
            self.member.alone(lambda: Checkpoint.save(self, problem, backend, path, step, params))


def own(columns: Mapping[str, Any], rank: int, ranks: int) -> dict[str, Any]:
    """A rank's share of the columns, arrays or `Columns`: as even as can be, none where there are more ranks."""
    return {name: share(array, rank, ranks) for name, array in columns.items()}


def share(array: Any, rank: int, ranks: int) -> Any:
    """A rank's share of one of them."""
    start, stop = (array.shape[1] * r // ranks for r in (rank, rank + 1))
    return array[:, start:stop] if isinstance(array, np.ndarray) else array.between(start, stop)


def joinable(spec: str) -> Any:
    """The backend `spec`, which has `join`. Raises InputError where there is none, or it has not."""
    backend = load(spec)
    if getattr(backend, "join", None) is None:
        raise InputError(f"backend {backend.name} offers no ranks and no streaming; torch and jax do")
    return backend


@contextmanager
def joined(spec: str, device: str, seconds: float) -> Iterator[Member]:
    """Join the ranks that the environment names, on the engine of the backend `spec`; alone where it names none.

    Standard output is kept for results: what frameworks print goes to standard error, and nowhere while they join.
    An InputError inside must be one that every rank meets; a rank's own is a RankFailure (`Member.alone`).
    Raises InputError where the backend has no ranks, RankFailure where the others do not come within `seconds`.
    """
    backend = joinable(spec)
    among = place() is not None
    if among:
        sys.stdout.flush()
        sys.stdout = os.fdopen(os.dup(1), "w", encoding="utf-8")
        os.dup2(2, 1)
    with _silence() if among else nullcontext():
        try:
            member = Member(spec, backend.join(device, seconds), backend.name)
        except Exception as error:
            raise RankFailure(f"the ranks do not come together within {seconds:g} s: {one_line(error)}") from None
        if member.size != (place() or (0, 1))[1]:
            raise InputError(f"backend {backend.name} offers no ranks; torch and jax do")
        member.agree("backend", spec, device)
    try:
        yield member
    except RankFailure as failure:
        if not among:
            raise
        sys.stderr.flush()
        line = f"backproof: {failure}\n".encode(errors="backslashreplace")
        os.write(2, line)  # in one piece: the other ranks may be writing to the same place
        os._exit(2)  # a framework's own farewell would wait for the rank that is gone
    except InputError:  # all ranks met the same, and leave together: PyTorch aborts where its threads outlive Python
        member.ranks.close()
        raise
    member.ranks.close()


@contextmanager
def _silence() -> Iterator[None]:
    sys.stderr.flush()
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 1)
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.dup2(kept, 1)
        os.close(kept)
        os.close(nowhere)
