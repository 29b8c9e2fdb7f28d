"""JAX: a jitted step a call, K steps in one loop on the device, and the hand-derived equations as a control."""

from contextlib import AbstractContextManager, nullcontext
from typing import Any

import jax
import numpy as np
from jax import Array

from backproof.hosting.series import Series
from backproof.models.model import Model
from backproof_jax.ranks import JaxRanks
from backproof_jax.steps import Arrays, by_hand, loop, step, value_and_grad


class JaxBackend:
    """`jit`: a jitted step called from Python, gradients by `jax.grad`; `loop`: K steps on the device; `manual`: the
    same of the hand-derived equations; `tf32`: `loop` in TF32. float64 is honoured; products are of full precision.
    """

    name = "jax"
    version = jax.__version__
    dtypes = ("float64", "float32", "bfloat16", "float16")
    series: tuple[str | Series, ...] = (
        Series("jit", derivations="loss"),
        Series("loop", derivations="loss"),
        Series("manual"),
        Series("tf32", devices=("cuda",), dtypes=("float32",), matmul_precision="tf32"),
    )

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
        if series == "manual":
            found: tuple[Array, Array, dict[str, Array]] = by_hand(model)(params, data)
            return found
        with _precision(series):
            (value, y_hat), gradients = value_and_grad(model)(dict(params), dict(data))
        return value, y_hat, gradients

    def descend(
        self, model: Model, series: str, params: Arrays, data: Arrays, learning_rate: float, steps: int
    ) -> dict[str, Array]:
        current: Any = {name: p.copy() for name, p in params.items()}  # what follows gives its arguments away
        if series in ("loop", "manual", "tf32"):
            with _precision(series):
                current = loop(model, series)(current, dict(data), learning_rate, steps)
        else:
            for _ in range(steps):
                current = step(model)(current, data, learning_rate)
        jax.block_until_ready(current)
        ends: dict[str, Array] = current
        return ends

    def join(self, device: str, seconds: float) -> JaxRanks:
        """Take this process's place among several (see `ranks`)."""
        return JaxRanks(device, seconds)


def _precision(series: str) -> AbstractContextManager[Any]:
    """What products are traced and compiled in: the precision that is set, or the series' own."""
    return jax.default_matmul_precision("tensorfloat32") if series == "tf32" else nullcontext()
