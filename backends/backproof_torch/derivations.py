"""Anyone's derivation in PyTorch: its own loss in the array-API namespace. The four models have forwards here."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from backproof.models.model import Model
from backproof_torch.forwards import FORWARDS, loss


def objective(model: Model, params: Mapping[str, Tensor], data: Mapping[str, Tensor]) -> tuple[Tensor, Any]:
    """Loss and output; the output of a derivation is what it taps as y_hat, None if nothing."""
    if model.name in FORWARDS:
        inputs = {name: array for name, array in data.items() if name != "y"}
        y_hat = FORWARDS[model.name](**inputs, **params)
        return loss(y_hat, data["y"]), y_hat
    tapped: dict[str, Tensor] = {}
    value = model.loss(_Namespace(), tap=tapped.setdefault, **params, **data)
    return value, tapped.get("y_hat")


class _Namespace:
    """array-api-compat's namespace, and PyTorch's sigmoid."""

    sigmoid = staticmethod(torch.sigmoid)

    def __getattr__(self, name: str) -> Any:
        import array_api_compat.torch as namespace

        return getattr(namespace, name)
