"""JAX, jitted, with `jax.grad`."""

from collections.abc import Mapping
from functools import cache
from typing import Any

import jax
import numpy as np
from jax import Array

from backproof.models.model import Model
from backproof_jax.derivations import objective

Arrays = Mapping[str, Array]


class JaxBackend:
    """Forwards in JAX, gradients by `jax.value_and_grad` under `jit`; float64 honoured, full matmul precision."""

    name = "jax"
    version = jax.__version__
    dtypes = ("float64", "float32", "bfloat16", "float16")
    series: tuple[str, ...] = ("jit",)
    derivations: Mapping[str, str] = {"jit": "loss"}

    def __init__(self) -> None:
        jax.config.update("jax_enable_x64", True)
        jax.config.update("jax_default_matmul_precision", "highest")

    @property
    def devices(self) -> tuple[str, ...]:
        return ("cpu", "cuda") if any(d.platform == "gpu" for d in jax.devices()) else ("cpu",)

    def settings(self) -> dict[str, str]:
        return {
            "x64": "on" if jax.config.jax_enable_x64 else "off",
            "matmul_precision": str(jax.config.jax_default_matmul_precision),
        }

    def from_numpy(self, values: np.ndarray[Any, Any], dtype: str, device: str) -> Array:
        return jax.device_put(jax.numpy.asarray(values, dtype), jax.devices(device)[0])

    def to_numpy(self, array: Array) -> tuple[np.ndarray[Any, Any], str]:
        dtype = array.dtype.name
        return np.asarray(array.astype("float32") if dtype == "bfloat16" else array), dtype

    def evaluate(
        self, model: Model, series: str, params: Arrays, data: Arrays
    ) -> tuple[Array, Array, dict[str, Array]]:
        (value, y_hat), gradients = _value_and_grad(model)(dict(params), dict(data))
        return value, y_hat, gradients

    def descend(
        self, model: Model, series: str, params: Arrays, data: Arrays, learning_rate: float, steps: int
    ) -> dict[str, Array]:
        step = _step(model)
        current = {name: p.copy() for name, p in params.items()}  # a step gives its arguments away
        for _ in range(steps):
            current = step(current, data, learning_rate)
        jax.block_until_ready(current)
        return current


@cache
def _value_and_grad(model: Model) -> Any:
    def of_params(params: Arrays, data: Arrays) -> tuple[Array, Any]:
        return objective(model, params, data)

    return jax.jit(jax.value_and_grad(of_params, has_aux=True))


@cache
def _step(model: Model) -> Any:
    def step(params: Arrays, data: Arrays, learning_rate: float) -> dict[str, Array]:
        _, gradients = _value_and_grad(model)(params, data)
        return {key: p - learning_rate * gradients[key] for key, p in params.items()}

    return jax.jit(step, donate_argnums=0)
