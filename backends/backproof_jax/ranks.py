"""Data-parallel JAX: a mesh of all devices of all processes, columns sharded over it; one all-reduce a step.

Shards of an array are equally wide, so what a device lacks of the widest is filled with columns that a mask leaves
out of the sums.
"""

import ipaddress
import os
from collections.abc import Iterator, Mapping
from contextlib import nullcontext
from typing import Any

import jax
import numpy as np
from jax import Array
from jax.sharding import NamedSharding

from backproof.models.model import Model
from backproof_jax.forwards import FORWARDS
from backproof_jax.on_mesh import COLUMNS, SAME, SHARDS, added, gradients, reduced, update
from backproof_jax.watch import Watch

Arrays = Mapping[str, Any]
TILE = 2**23  # bytes that a tile of streamed columns and what is computed of it may take


class JaxRanks:
    """This process among the ranks that its environment names (JAX_PROCESS_ID, JAX_NUM_PROCESSES and
    JAX_COORDINATOR_ADDRESS): gloo on the CPU, NCCL on a GPU. Alone where it names none. `devices` makes so many of
    this process's CPU, each a shard of its columns.

    Arrays come and go as NumPy's. `data` holds this rank's own columns, none at all if need be, and `m` is the number
    of columns of all ranks: loss and gradients are sums over examples. Every method is to be called on all ranks; a
    rank that dies raises on all others, one that is silent for `seconds` ends them.
    """

    def __init__(self, device: str = "cpu", seconds: float = 300.0, devices: int | None = None) -> None:
        self.rank, self.ranks = int(os.environ.get("JAX_PROCESS_ID", 0)), int(os.environ.get("JAX_NUM_PROCESSES", 1))
        jax.config.update("jax_enable_x64", True)
        jax.config.update("jax_default_matmul_precision", "highest")
        if devices is not None:
            jax.config.update("jax_num_cpu_devices", devices)
        self._together = "JAX_NUM_PROCESSES" in os.environ
        if self._together:
            jax.config.update("jax_cpu_collectives_implementation", "gloo")
            jax.distributed.initialize(
                os.environ["JAX_COORDINATOR_ADDRESS"],
                self.ranks,
                self.rank,
                coordinator_bind_address=_bind_address(os.environ["JAX_COORDINATOR_ADDRESS"]),
                cluster_detection_method="deactivate",
                initialization_timeout=max(60, int(seconds)),
                heartbeat_timeout_seconds=2 * int(seconds) + 10,  # later than the watch's: JAX aborts with its stack
                shutdown_timeout_seconds=int(seconds),
            )
        everyones = jax.devices("gpu" if device == "cuda" else device)
        self._mesh = jax.make_mesh((len(everyones),), ("ranks",), devices=everyones)
        self._own = len(self._mesh.local_devices)
        self._watch = Watch(f"rank {self.rank} of {self.ranks}", seconds) if self._together else nullcontext()

    def reduce(self, values: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        """The sum over all ranks of `values`, the same bits on every one."""
        parts = np.zeros((self._own, *values.shape), values.dtype)
        parts[0] = values
        with self._watch:
            return np.asarray(reduced(self._mesh)(self._spread(parts, SHARDS)))

    def evaluate(self, model: Model, params: Arrays, data: Arrays, m: int) -> tuple[Any, dict[str, Any]]:
        """Loss () and gradients over the columns of all ranks."""
        ours = self._same(params)
        sums = self._sums(model, ours, self._tiles(data, ours), m)
        with self._watch:
            loss, found = jax.block_until_ready(gradients(self._mesh)(ours, sums))
        return np.asarray(loss), {name: np.asarray(dp) for name, dp in found.items()}

    def output(self, model: Model, params: Arrays, data: Arrays) -> np.ndarray[Any, Any]:
        """y_hat (1, t) of this rank's own t columns."""
        inputs = {name: array for name, array in data.items() if name != "y"}
        return np.asarray(FORWARDS[model.name](**inputs, **params))

    def descend(
        self, model: Model, params: Arrays, data: Arrays, m: int, learning_rate: float, steps: int
    ) -> dict[str, Any]:
        """The parameters after `steps` steps, the same bits on every rank."""
        ours = self._same(params)
        found = self._tiles(data, ours)
        tiles = list(found) if _resident(data) else found
        for _ in range(steps):
            sums = self._sums(model, ours, tiles, m)
            with self._watch:
                ours = jax.block_until_ready(update(self._mesh)(ours, sums, learning_rate))
        return {name: np.asarray(p) for name, p in ours.items()}

    def close(self) -> None:
        """Leave the group."""
        if self._together:
            jax.distributed.shutdown()

    def _sums(self, model: Model, params: Mapping[str, Array], tiles: Any, m: int) -> Array:
        """[loss, gradients...] (devices, 1 + P), each device's over its own columns."""
        sums = None
        for tile in tiles:
            sums = added(self._mesh, model.name)(params, tile, float(m), sums)
        assert sums is not None
        return sums

    def _tiles(self, data: Arrays, params: Mapping[str, Array]) -> "Tiles":
        columns = data["y"].shape[1]
        counts = np.zeros(self.ranks)
        counts[self.rank] = columns
        widest = int(self.reduce(counts).max())
        if _resident(data):
            width = widest
        else:
            hidden = params["W1"].shape[0] if "W1" in params else 1
            width = max(64, TILE // (8 * (sum(array.shape[0] for array in data.values()) + 4 * hidden)))
        return Tiles(data, widest, min(width, widest), self._own, self._spread)

    def _spread(self, values: np.ndarray[Any, Any], spec: Any) -> Array:
        return jax.make_array_from_process_local_data(NamedSharding(self._mesh, spec), values)

    def _same(self, params: Arrays) -> dict[str, Array]:
        return {name: self._spread(np.asarray(p), SAME) for name, p in params.items()}


class Tiles:
    """A rank's columns as arrays on the mesh, in as many tiles as the rank with most columns has, all of one shape;
    `mask` (1, width) is true where there is a column."""

    def __init__(self, data: Arrays, widest: int, width: int, devices: int, spread: Any) -> None:
        self.data, self.widest, self.step, self.spread = data, widest, max(width, 1), spread
        self.width = -(-self.step // devices) * devices

    def __iter__(self) -> Iterator[dict[str, Array]]:
        columns = self.data["y"].shape[1]
        for start in range(0, self.widest, self.step):
            found = max(0, min(start + self.step, columns) - start)
            tile = {name: self._padded(array[:, start : start + found]) for name, array in self.data.items()}
            tile["mask"] = np.arange(self.width)[None, :] < found
            yield {name: self.spread(array, COLUMNS) for name, array in tile.items()}

    def _padded(self, values: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        padded = np.zeros((values.shape[0], self.width), values.dtype)
        padded[:, : values.shape[1]] = values
        return padded


def _bind_address(coordinator: str) -> str | None:
    """Where the coordinator listens: on this machine's loopback alone, if its address is of it; else on all that the
    machine has, as the address that others reach it by need not be one of its own."""
    try:
        return coordinator if ipaddress.ip_address(coordinator.rpartition(":")[0].strip("[]")).is_loopback else None
    except ValueError:
        return None


def _resident(data: Arrays) -> bool:
    """Whether the columns are in memory: whatever else has rows and columns is read tile by tile."""
    return all(isinstance(array, np.ndarray) for array in data.values())
