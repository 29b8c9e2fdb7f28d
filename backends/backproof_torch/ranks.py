"""Data-parallel PyTorch: every rank sums loss and gradients over its own columns; one all-reduce a step."""

import ipaddress
import os
import socket
from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any

import numpy as np
import torch
import torch.distributed as dist
from torch import Tensor

from backproof.models.model import Model
from backproof_torch.forwards import FORWARDS

Arrays = Mapping[str, Any]
TILE = 2**23  # bytes that a tile of streamed columns and what is computed of it may take


class TorchRanks:
    """This process among the ranks that its environment names (RANK, WORLD_SIZE, MASTER_ADDR, MASTER_PORT, as torchrun
    sets them): gloo on the CPU, NCCL on a GPU. Alone where it names none.

    Arrays come and go as NumPy's. `data` holds this rank's own columns, none at all if need be, and `m` is the number
    of columns of all ranks: loss and gradients are sums over examples. Every method is to be called on all ranks; a
    rank that dies or is silent for `seconds` raises on all others.
    """

    def __init__(self, device: str = "cpu", seconds: float = 300.0) -> None:
        self.rank, self.ranks = int(os.environ.get("RANK", 0)), int(os.environ.get("WORLD_SIZE", 1))
        self.device = torch.device(device)
        if device == "cuda":
            self.device = torch.device("cuda", int(os.environ.get("LOCAL_RANK", 0)))
            torch.cuda.set_device(self.device)
        self._together = "WORLD_SIZE" in os.environ
        if self._together:
            limit, how = timedelta(seconds=seconds), "gloo" if device == "cpu" else "nccl"
            dist.init_process_group(how, timeout=limit, **self._rendezvous(limit))

    def _rendezvous(self, limit: timedelta) -> dict[str, Any]:
        """Where the ranks meet: on this machine's loopback alone, if the environment names an address of it. PyTorch's
        own store listens on every address that a machine has; torchrun's is made before any rank is."""
        address = os.environ.get("MASTER_ADDR", "")
        if os.environ.get("TORCHELASTIC_USE_AGENT_STORE") == "True" or not _is_loopback(address):
            return {}
        port, listener = int(os.environ["MASTER_PORT"]), None
        if self.rank == 0:
            listener = socket.create_server((address, port), backlog=max(128, self.ranks))
        store = dist.TCPStore(
            address, port, self.ranks, self.rank == 0, limit,
            master_listen_fd=None if listener is None else listener.detach(),
        )  # fmt: skip
        return {"store": store, "rank": self.rank, "world_size": self.ranks}

    def reduce(self, values: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        """The sum over all ranks of `values`, the same bits on every one."""
        total: np.ndarray[Any, Any] = self._summed(torch.tensor(values, device=self.device)).cpu().numpy()
        return total

    def evaluate(self, model: Model, params: Arrays, data: Arrays, m: int) -> tuple[Any, dict[str, Any]]:
        """Loss () and gradients over the columns of all ranks."""
        leaves = self._leaves(params)
        loss, *gradients = self._parts(self._summed(self._sums(model, leaves, data, m)), leaves)
        return loss.cpu().numpy(), {name: dp.cpu().numpy() for name, dp in zip(leaves, gradients, strict=True)}

    def output(self, model: Model, params: Arrays, data: Arrays) -> np.ndarray[Any, Any]:
        """y_hat (1, t) of this rank's own t columns."""
        with torch.no_grad():
            y_hat = _forward(model, self._leaves(params), self._tensors(data))
        values: np.ndarray[Any, Any] = y_hat.cpu().numpy()
        return values

    def descend(
        self, model: Model, params: Arrays, data: Arrays, m: int, learning_rate: float, steps: int
    ) -> dict[str, Any]:
        """The parameters after `steps` steps, the same bits on every rank."""
        leaves = self._leaves(params)
        if _resident(data):
            data = self._tensors(data)
        for _ in range(steps):
            _, *gradients = self._parts(self._summed(self._sums(model, leaves, data, m)), leaves)
            with torch.no_grad():
                for p, dp in zip(leaves.values(), gradients, strict=True):
                    p.sub_(dp, alpha=learning_rate)
        return {name: p.detach().cpu().numpy() for name, p in leaves.items()}

    def close(self) -> None:
        """Leave the group."""
        if self._together:
            dist.destroy_process_group()

    def _summed(self, part: Tensor) -> Tensor:
        if self._together:
            dist.all_reduce(part)
        return part

    def _sums(self, model: Model, leaves: Mapping[str, Tensor], data: Arrays, m: int) -> Tensor:
        """[loss, gradients...] (1 + P,) over this rank's columns, tile by tile where they are streamed."""
        total: Any = 0
        for tile in self._tiles(data, leaves):
            value = torch.nn.functional.mse_loss(_forward(model, leaves, tile), tile["y"], reduction="sum") / m
            gradients = torch.autograd.grad(value, list(leaves.values()))
            total = total + torch.cat([value.detach().reshape(1), *(dp.reshape(-1) for dp in gradients)])
        sums: Tensor = total
        return sums

    def _tiles(self, data: Arrays, leaves: Mapping[str, Tensor]) -> Iterator[Mapping[str, Tensor]]:
        if _resident(data):
            yield self._tensors(data)
            return
        hidden = leaves["W1"].shape[0] if "W1" in leaves else 1
        rows, columns = sum(array.shape[0] for array in data.values()) + 4 * hidden, data["y"].shape[1]
        width = max(64, TILE // (8 * rows))
        for start in range(0, max(columns, 1), width):  # one empty tile where there are no columns
            yield self._tensors({name: array[:, start : start + width] for name, array in data.items()})

    def _tensors(self, data: Arrays) -> dict[str, Tensor]:
        return {
            name: a if isinstance(a, Tensor) else torch.from_numpy(np.ascontiguousarray(a)).to(self.device)
            for name, a in data.items()
        }

    def _leaves(self, params: Arrays) -> dict[str, Tensor]:
        return {name: torch.tensor(p, device=self.device).requires_grad_() for name, p in params.items()}

    @staticmethod
    def _parts(flat: Tensor, leaves: Mapping[str, Tensor]) -> list[Tensor]:
        shapes = [torch.Size(()), *(p.shape for p in leaves.values())]
        pieces = flat.split([shape.numel() for shape in shapes])
        return [piece.reshape(shape) for piece, shape in zip(pieces, shapes, strict=True)]


def _is_loopback(address: str) -> bool:
    try:
        return ipaddress.IPv4Address(address).is_loopback
    except ValueError:
        return False


def _forward(model: Model, params: Mapping[str, Tensor], tile: Mapping[str, Tensor]) -> Tensor:
    return FORWARDS[model.name](**{name: array for name, array in tile.items() if name != "y"}, **params)


def _resident(data: Arrays) -> bool:
    """Whether the columns are in memory: whatever else has rows and columns is read tile by tile."""
    return all(isinstance(array, np.ndarray | Tensor) for array in data.values())
