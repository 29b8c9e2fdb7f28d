"""The four forwards and the loss, written as JAX users write them. No equation is shared with the reference."""

import jax
import jax.numpy as jnp
from jax import Array


def univariate(x: Array, w: Array, b: Array) -> Array:
    return w * x + b


def multivariate(X: Array, w: Array, b: Array) -> Array:
    return w @ X + b


def two_layer_linear(X: Array, W1: Array, b1: Array, w2: Array, b2: Array) -> Array:
    Z = W1 @ X + b1
    return w2 @ Z + b2


def two_layer_nonlinear(X: Array, W1: Array, b1: Array, w2: Array, b2: Array) -> Array:
    A = jax.nn.sigmoid(W1 @ X + b1)
    return w2 @ A + b2


FORWARDS = {f.__name__: f for f in (univariate, multivariate, two_layer_linear, two_layer_nonlinear)}


def loss(y_hat: Array, y: Array) -> Array:
    return jnp.mean(jnp.square(y_hat - y))
