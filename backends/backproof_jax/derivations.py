"""Anyone's derivation in JAX: its own loss on `jax.numpy`. The four models have forwards here."""

from collections.abc import Mapping
from typing import Any

import jax
from jax import Array

from backproof.models.model import Model
from backproof_jax.forwards import FORWARDS, loss


def objective(model: Model, params: Mapping[str, Array], data: Mapping[str, Array]) -> tuple[Array, Any]:
    """Loss and output; the output of a derivation is what it taps as y_hat, None if nothing."""
    if model.name in FORWARDS:
        inputs = {name: array for name, array in data.items() if name != "y"}
        y_hat = FORWARDS[model.name](**inputs, **params)
        return loss(y_hat, data["y"]), y_hat
    tapped: dict[str, Array] = {}
    value = model.loss(_Namespace(), tap=tapped.setdefault, **params, **data)
    return value, tapped.get("y_hat")


class _Namespace:
    """`jax.numpy`, and JAX's sigmoid."""

    sigmoid = staticmethod(jax.nn.sigmoid)

    def __getattr__(self, name: str) -> Any:
        return getattr(jax.numpy, name)
