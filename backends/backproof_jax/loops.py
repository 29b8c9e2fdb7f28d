"""JAX's hot loops: a step a call, K steps in a `fori_loop`, and the hand-derived equations in one."""

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from functools import cache
from typing import Any

import jax
from jax import Array

from backproof.models.model import Model
from backproof_jax.backend import Arrays, JaxBackend, _value_and_grad
from backproof_jax.ranks import JaxRanks


class JaxLoops(JaxBackend):
    """`jit`: a jitted step called from Python; `loop`: K steps on the device; `manual`: the same of the
    hand-derived equations; `tf32`: `loop` in TF32."""

    series = ("jit", "loop", "manual", "tf32")
    on: Mapping[str, tuple[str, ...]] = {"tf32": ("cuda",)}
    dtypes_of: Mapping[str, tuple[str, ...]] = {"tf32": ("float32",)}
    products: Mapping[str, str] = {"tf32": "tf32"}
    derivations: Mapping[str, str] = {"jit": "loss", "loop": "loss"}

    def evaluate(
        self, model: Model, series: str, params: Arrays, data: Arrays
    ) -> tuple[Array, Array, dict[str, Array]]:
        if series == "manual":
            found: tuple[Array, Array, dict[str, Array]] = _by_hand(model)(params, data)
            return found
        with _precision(series):
            return super().evaluate(model, "jit", params, data)

    def descend(
        self, model: Model, series: str, params: Arrays, data: Arrays, learning_rate: float, steps: int
    ) -> dict[str, Array]:
        if series == "jit":
            return super().descend(model, series, params, data, learning_rate, steps)
        start = {name: p.copy() for name, p in params.items()}  # the loop gives its arguments away
        with _precision(series):
            ends: dict[str, Array] = _loop(model, series)(start, dict(data), learning_rate, steps)
        jax.block_until_ready(ends)
        return ends

    def join(self, device: str, seconds: float) -> JaxRanks:
        """Take this process's place among several (see `ranks`)."""
        return JaxRanks(device, seconds)


def _precision(series: str) -> AbstractContextManager[Any]:
    """What products are traced and compiled in: the precision that is set, or the series' own."""
    return jax.default_matmul_precision("tensorfloat32") if series == "tf32" else nullcontext()


@cache
def _by_hand(model: Model) -> Any:
    def run(params: Arrays, data: Arrays) -> tuple[Array, Array, dict[str, Array]]:
        tapped: dict[str, Array] = {}
        value = model.loss(_Namespace, tap=tapped.setdefault, **params, **data)
        return value, tapped["y_hat"], model.gradients_in(_Namespace, {**params, **data})

    return jax.jit(run)


class _Namespace:
    """What the models ask of their array namespace, in JAX."""

    mean, sigmoid = jax.numpy.mean, jax.nn.sigmoid


@cache
def _loop(model: Model, series: str) -> Any:
    def gradients(params: Arrays, data: Arrays) -> dict[str, Array]:
        if series == "manual":
            return model.gradients_in(_Namespace, {**params, **data})
        found: dict[str, Array] = _value_and_grad(model)(params, data)[1]
        return found

    def loop(params: Arrays, data: Arrays, learning_rate: float, steps: int) -> Any:
        def step(_: Any, current: Arrays) -> dict[str, Array]:
            dp = gradients(current, data)
            return {name: (p - learning_rate * dp[name]).astype(p.dtype) for name, p in current.items()}

        return jax.lax.fori_loop(0, steps, step, params)

    return jax.jit(loop, donate_argnums=0)
