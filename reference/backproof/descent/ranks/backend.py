"""Ranks as backends of the conformance matrix: `torch-ranks`, `jax-ranks`; "all" leaves them out.

`processes3` is three processes with shares of the columns as unequal as can be, the last one none; `devices3` one
process of JAX with three virtual devices.
"""

import os
from collections.abc import Mapping
from typing import Any

import numpy as np

from backproof.descent.ranks.launch import environment, free_port
from backproof.hosting.registry import load
from backproof.isolation.child import START_SECONDS, Child, ChildError
from backproof.isolation.death import one_line
from backproof.models import MODELS
from backproof.models.model import Model

Arrays = Mapping[str, Any]

RANKS = (1, 2, 3, 8)
PROGRAM = "backproof.descent.ranks.backend:Program"
SECONDS = 60.0  # for ranks to come together, and to answer


class Ranked:
    """A backend's ranks, all of this machine; they answer as one, and an error where their bits differ."""

    devices = ("cpu",)
    dtypes = ("float64", "float32")

    def __init__(self, spec: str, virtual: bool = False) -> None:
        backend = load(spec)
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
        port = free_port()
        self._children = [
            Child(
                PROGRAM,
                [spec],
                env=environment(rank, ranks, port) if devices is None else os.environ | _virtual(devices),
                quiet=True,  # what is wrong goes with the answers
            )
            for rank in range(ranks)
        ]
        for child in self._children:  # side by side: each is ready when all have met
            child.begin()

    def shares(self, data: Arrays) -> list[dict[str, Any]]:
        """The columns of every rank: in the proportions 1 : 2 : 3 ... and, of three or more, none for the last."""
        ranks = len(self._children)
        weights = np.arange(1, ranks + 1) * (np.arange(ranks) < max(2, ranks - 1))
        edges = [0, *(data["y"].shape[1] * np.cumsum(weights) // weights.sum()).tolist()]
        return [{name: a[:, edges[r] : edges[r + 1]] for name, a in data.items()} for r in range(ranks)]

    def ask(self, method: str, arguments: list[Any]) -> list[Any]:
        """Every rank's answer to its own arguments. Raises RuntimeError with what a rank says is wrong."""
        answers, rank = [], 0  # rank: whose turn it is, for what is wrong
        try:
            for rank, child in enumerate(self._children):  # noqa: B007
                child.ready(START_SECONDS)
            for rank, (child, own) in enumerate(zip(self._children, arguments, strict=True)):  # noqa: B007
                child.send(method, *own, seconds=SECONDS)
            for rank, child in enumerate(self._children):  # noqa: B007
                answers.append(child.receive(2 * SECONDS))
        except ChildError as error:
            raise RuntimeError(f"rank {rank} of {len(self._children)}: {error}") from None
        return answers

    def same(self, method: str, arguments: list[Any]) -> Any:
        """The ranks' one answer. Raises RuntimeError where their bits differ."""
        answers = self.ask(method, arguments)
        for rank, answer in enumerate(answers):
            if _bits(answer) != _bits(answers[0]):
                raise RuntimeError(f"rank {rank} of {len(self._children)} and rank 0 have not the same bits")
        return answers[0]

    def close(self) -> None:
        """End the ranks."""
        for child in self._children:
            child.stop()


def _bits(answer: Any) -> list[bytes]:
    """The bytes of every array in an answer."""
    if isinstance(answer, Mapping):
        return [part for name in sorted(answer) for part in _bits(answer[name])]
    return [part for item in answer for part in _bits(item)] if isinstance(answer, tuple) else [answer.tobytes()]


def _virtual(devices: int) -> dict[str, str]:
    return {"XLA_FLAGS": f"{os.environ.get('XLA_FLAGS', '')} --xla_force_host_platform_device_count={devices}"}


class Program:
    """A rank's side (`isolation.server`): joined with the others, it answers for its own columns."""

    def __init__(self, spec: str) -> None:
        self._ranks: Any = load(spec).join("cpu", SECONDS)  # type: ignore[attr-defined]

    def answer(self, method: str, model: str, *arguments: Any) -> Any:
        """What a method of `backend.Ranks` gives for the model of that name."""
        return getattr(self._ranks, method)(MODELS[model], *arguments)

    def explain(self, error: BaseException) -> str:
        return one_line(error)
