"""The compiled functions of a mesh: sums over each device's own columns, and one all-reduce of [loss, gradients...].

Sums are of shape (devices, 1 + P), a row a device: the loss, then the gradients of all parameters, raveled.
"""

from collections.abc import Mapping
from functools import cache
from typing import Any

import jax
import numpy as np
from jax import Array
from jax import numpy as jnp
from jax.sharding import Mesh
from jax.sharding import PartitionSpec as P

from backproof_jax.forwards import FORWARDS

Arrays = Mapping[str, Any]
COLUMNS, SHARDS, SAME = P(None, "ranks"), P("ranks"), P()  # how arrays lie on the mesh


def _on(mesh: Mesh, function: Any, takes: Any, gives: Any) -> Any:
    return jax.jit(jax.shard_map(function, mesh=mesh, in_specs=takes, out_specs=gives, check_vma=False))


@cache
def added(mesh: Mesh, name: str) -> Any:
    """(params, tile, m, sums) -> sums grown by the tile's, on every device for itself."""

    def objective(params: Arrays, tile: Arrays, m: Any) -> Array:
        inputs = {key: array for key, array in tile.items() if key not in ("y", "mask")}
        residual = jnp.where(tile["mask"], FORWARDS[name](**inputs, **params) - tile["y"], 0)
        return jnp.sum(jnp.square(residual)) / m

    def first(params: Arrays, tile: Arrays, m: Any) -> Array:
        value, gradients = jax.value_and_grad(objective)(params, tile, m)
        return jnp.concatenate([value.reshape(1), *(gradients[key].reshape(-1) for key in params)])[None]

    def further(params: Arrays, tile: Arrays, m: Any, sums: Array) -> Array:
        return sums + first(params, tile, m)

    alone = _on(mesh, first, (SAME, COLUMNS, SAME), SHARDS)
    more = _on(mesh, further, (SAME, COLUMNS, SAME, SHARDS), SHARDS)
    return lambda params, tile, m, sums: alone(params, tile, m) if sums is None else more(params, tile, m, sums)


def _total(params: Arrays, sums: Array) -> tuple[Array, dict[str, Array]]:
    """Loss and gradients, summed over the mesh."""
    flat = jax.lax.psum(sums[0], "ranks")
    ends = np.cumsum([1, *(p.size for p in params.values())])
    pieces = jnp.split(flat, ends[:-1])
    return pieces[0].reshape(()), {
        name: piece.reshape(p.shape) for (name, p), piece in zip(params.items(), pieces[1:], strict=True)
    }


@cache
def gradients(mesh: Mesh) -> Any:
    """(params, sums) -> loss and gradients."""
    return _on(mesh, _total, (SAME, SHARDS), SAME)


@cache
def update(mesh: Mesh) -> Any:
    """(params, sums, learning_rate) -> the parameters after a step."""

    def step(params: Arrays, sums: Array, learning_rate: Any) -> dict[str, Array]:
        _, gradients = _total(params, sums)
        return {name: p - learning_rate * gradients[name] for name, p in params.items()}

    return _on(mesh, step, (SAME, SHARDS, SAME), SAME)


@cache
def reduced(mesh: Mesh) -> Any:
    """An array with a row a device -> the sum of the rows, on all of them."""
    return _on(mesh, lambda parts: jax.lax.psum(parts[0], "ranks"), (SHARDS,), SAME)
