"""What JAX compiles: value and gradients, one step, K steps in a `fori_loop`, and the hand-derived equations."""

from collections.abc import Mapping
from functools import cache
from typing import Any

import jax
from jax import Array

from backproof.models.model import Model
from backproof_jax.derivations import objective

Arrays = Mapping[str, Array]


@cache
def value_and_grad(model: Model) -> Any:
    """(params, data) -> ((loss, y_hat), gradients), by `jax.value_and_grad`."""

    def of_params(params: Arrays, data: Arrays) -> tuple[Array, Any]:
        return objective(model, params, data)

    return jax.jit(jax.value_and_grad(of_params, has_aux=True))


@cache
def by_hand(model: Model) -> Any:
    """The control: (params, data) -> (loss, y_hat, gradients), of the model's own hand-derived equations."""

    def run(params: Arrays, data: Arrays) -> tuple[Array, Array, dict[str, Array]]:
        tapped: dict[str, Array] = {}
        value = model.loss(_Namespace, tap=tapped.setdefault, **params, **data)
        return value, tapped["y_hat"], model.gradients_in(_Namespace, {**params, **data})

    return jax.jit(run)


class _Namespace:
    """What the models ask of their array namespace, in JAX."""

    mean, sigmoid = jax.numpy.mean, jax.nn.sigmoid


@cache
def step(model: Model) -> Any:
    """(params, data, learning_rate) -> params, one step further; the params that come in are given away."""

    def one(params: Arrays, data: Arrays, learning_rate: float) -> dict[str, Array]:
        _, gradients = value_and_grad(model)(params, data)
        return {key: p - learning_rate * gradients[key] for key, p in params.items()}

    return jax.jit(one, donate_argnums=0)


@cache
def loop(model: Model, series: str) -> Any:
    """(params, data, learning_rate, steps) -> params; traced once for every series, in the precision of it."""

    def gradients(params: Arrays, data: Arrays) -> dict[str, Array]:
        if series == "manual":
            return model.gradients_in(_Namespace, {**params, **data})
        found: dict[str, Array] = value_and_grad(model)(params, data)[1]
        return found

    def steps_from(params: Arrays, data: Arrays, learning_rate: float, steps: int) -> Any:
        def one(_: Any, current: Arrays) -> dict[str, Array]:
            dp = gradients(current, data)
            return {name: (p - learning_rate * dp[name]).astype(p.dtype) for name, p in current.items()}

        return jax.lax.fori_loop(0, steps, one, params)

    return jax.jit(steps_from, donate_argnums=0)
