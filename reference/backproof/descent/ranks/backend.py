"""Ranks as backends of the conformance matrix: `torch-ranks`, `jax-ranks`; "all" leaves them out.

`processes3` is three processes with shares of the columns as unequal as can be, the last one none; `devices3` one
process of JAX with three virtual devices.
"""

import os
from collections.abc import Mapping
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from typing import Any

import numpy as np

from backproof.descent.ranks.launch import environment, free_port
from backproof.hosting.registry import load
from backproof.isolation.death import one_line
from backproof.models.model import Model

Arrays = Mapping[str, Any]

RANKS = (1, 2, 3, 8)
SECONDS = 60.0  # for ranks to come together, and to answer


class Ranked:
    """A backend's ranks, all of this machine; they answer as one, and an error where their bits differ."""

    devices = ("cpu",)
    dtypes = ("float64", "float32")

    def __init__(self, spec: str, virtual: bool = False) -> None:
        backend = load(spec)  # imported here, once: the ranks are forked from this process
        self.spec, self.name, self.version = spec, f"{spec}-ranks", backend.version
        self.series = tuple(f"{way}{R}" for way in ("processes", "devices")[: 1 + virtual] for R in RANKS)
        self._pools: dict[str, Pool] = {}

    def settings(self) -> dict[str, str]:
        return {"collectives": "gloo"}

    def from_numpy(self, values: np.ndarray[Any, Any], dtype: str, device: str) -> Any:
        return values.astype(dtype, copy=False)

    def to_numpy(self, array: Any) -> tuple[np.ndarray[Any, Any], str]:
        return array, array.dtype.name

    def evaluate(self, model: Model, series: str, params: Arrays, data: Arrays) -> tuple[Any, Any, dict[str, Any]]:
        pool, m = self._pool(series), data["y"].shape[1]
        shares = [(model.name, params, share) for share in pool.shares(data)]
        loss, gradients = pool.same("evaluate", [(*share, m) for share in shares])
        return loss, np.concatenate(pool.ask("output", shares), axis=1), gradients

    def descend(
        self, model: Model, series: str, params: Arrays, data: Arrays, learning_rate: float, steps: int
    ) -> dict[str, Any]:
        pool, m = self._pool(series), data["y"].shape[1]
        asked = [(model.name, params, share, m, learning_rate, steps) for share in pool.shares(data)]
        found: dict[str, Any] = pool.same("descend", asked)
        return found

    def _pool(self, series: str) -> "Pool":
        if series not in self._pools:
            way, count = series.rstrip("0123456789"), int(series.lstrip("abcdefghijklmnopqrstuvwxyz"))
            self._pools[series] = Pool(self.spec, count) if way == "processes" else Pool(self.spec, 1, devices=count)
        return self._pools[series]


class TorchRanks(Ranked):
    """PyTorch's ranks, a process each."""

    def __init__(self) -> None:
        super().__init__("torch")


class JaxRanks(Ranked):
    """JAX's ranks, as processes and as devices of one."""

    def __init__(self) -> None:
        super().__init__("jax", virtual=True)


class Pool:
    """`ranks` processes that stay, joined, until this process ends; `devices` makes so many of each one's CPU."""

    def __init__(self, spec: str, ranks: int, devices: int | None = None) -> None:
        self._connections: list[Connection] = []
        self.pids: list[int] = []
        port = free_port()
        for rank in range(ranks):
            ours, theirs = Pipe()
            pid = os.fork()
            if pid == 0:
                for other in [ours, *self._connections]:  # so that it sees the end of this process
                    other.close()
                _serve(theirs, spec, environment(rank, ranks, port) if devices is None else _virtual(devices))
            theirs.close()
            self._connections.append(ours)
            self.pids.append(pid)

    def shares(self, data: Arrays) -> list[dict[str, Any]]:
        """The columns of every rank: in the proportions 1 : 2 : 3 ... and, of three or more, none for the last."""
        ranks = len(self.pids)
        weights = np.arange(1, ranks + 1) * (np.arange(ranks) < max(2, ranks - 1))
        edges = [0, *(data["y"].shape[1] * np.cumsum(weights) // weights.sum()).tolist()]
        return [{name: a[:, edges[r] : edges[r + 1]] for name, a in data.items()} for r in range(ranks)]

    def ask(self, method: str, arguments: list[Any]) -> list[Any]:
        """Every rank's answer to its own arguments. Raises RuntimeError with what a rank says is wrong."""
        for connection, own in zip(self._connections, arguments, strict=True):
            connection.send((method, own))
        answers = []
        for rank, connection in enumerate(self._connections):
            try:
                answer = connection.recv() if connection.poll(2 * SECONDS) else RuntimeError("it is silent")
            except (EOFError, OSError):
                answer = RuntimeError("it is gone")
            if isinstance(answer, Exception):
                raise RuntimeError(f"rank {rank} of {len(self.pids)}: {answer}")
            answers.append(answer)
        return answers

    def same(self, method: str, arguments: list[Any]) -> Any:
        """The ranks' one answer. Raises RuntimeError where their bits differ."""
        answers = self.ask(method, arguments)
        for rank, answer in enumerate(answers):
            if _bits(answer) != _bits(answers[0]):
                raise RuntimeError(f"rank {rank} of {len(self.pids)} and rank 0 have not the same bits")
        return answers[0]

    def close(self) -> None:
        """End the ranks."""
        for connection in self._connections:
            connection.close()
        for pid in self.pids:
            os.waitpid(pid, 0)


def _bits(answer: Any) -> list[bytes]:
    """The bytes of every array in an answer."""
    if isinstance(answer, Mapping):
        return [part for name in sorted(answer) for part in _bits(answer[name])]
    return [part for item in answer for part in _bits(item)] if isinstance(answer, tuple) else [answer.tobytes()]


def _virtual(devices: int) -> dict[str, str]:
    return {"XLA_FLAGS": f"{os.environ.get('XLA_FLAGS', '')} --xla_force_host_platform_device_count={devices}"}


def _serve(connection: Connection, spec: str, environ: Mapping[str, str]) -> None:
    """A rank's whole life: join, answer, end without this process's farewells."""
    from backproof.models import MODELS

    try:
        os.environ.update(environ)
        nowhere = os.open(os.devnull, os.O_WRONLY)  # what is wrong goes with the answers
        os.dup2(nowhere, 1)
        os.dup2(nowhere, 2)
        ranks: Any = load(spec).join("cpu", SECONDS)  # type: ignore[attr-defined]
        while True:
            method, (model, *arguments) = connection.recv()
            try:
                connection.send(getattr(ranks, method)(MODELS[model], *arguments))
            except Exception as error:
                connection.send(RuntimeError(one_line(error)))
    except (EOFError, OSError):
        pass  # the parent is gone
    except BaseException as error:
        connection.send(RuntimeError(one_line(error)))
    finally:
        os._exit(0)
