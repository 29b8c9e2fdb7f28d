"""PyTorch, eager, with autograd."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from backproof.models.model import Model
from backproof_torch.forwards import FORWARDS, loss

Tensors = Mapping[str, Tensor]


class TorchBackend:
    """Forwards in PyTorch, gradients by `torch.autograd`; float32 products in float32 (no TF32)."""

    name = "torch"
    version = torch.__version__
    dtypes = ("float64", "float32", "bfloat16", "float16")
    series: tuple[str, ...] = ("eager",)

    def __init__(self) -> None:
        torch.set_float32_matmul_precision("highest")
        torch.backends.cudnn.allow_tf32 = False

    @property
    def devices(self) -> tuple[str, ...]:
        return ("cpu", "cuda") if torch.cuda.is_available() else ("cpu",)

    def settings(self) -> dict[str, str]:
        return {"float32_matmul_precision": torch.get_float32_matmul_precision()}

    def from_numpy(self, values: np.ndarray[Any, Any], dtype: str, device: str) -> Tensor:
        if any(stride < 0 for stride in values.strides):
            values = values.copy()  # PyTorch has no negative strides
        return torch.from_numpy(values).to(device, getattr(torch, dtype))

    def to_numpy(self, array: Tensor) -> tuple[np.ndarray[Any, Any], str]:
        dtype = str(array.dtype).removeprefix("torch.")
        array = array.detach().cpu()
        return (array.float() if dtype == "bfloat16" else array).numpy(), dtype

    def evaluate(
        self, model: Model, series: str, params: Tensors, data: Tensors
    ) -> tuple[Tensor, Tensor, dict[str, Tensor]]:
        leaves = {name: p.detach().requires_grad_() for name, p in params.items()}
        value, y_hat = self._forward(model, leaves, data)
        gradients = torch.autograd.grad(value, list(leaves.values()))
        return value, y_hat, dict(zip(leaves, gradients, strict=True))

    def descend(
        self, model: Model, series: str, params: Tensors, data: Tensors, learning_rate: float, steps: int
    ) -> dict[str, Tensor]:
        leaves = {name: p.detach().clone().requires_grad_() for name, p in params.items()}
        for _ in range(steps):
            value, _ = self._forward(model, leaves, data)
            gradients = torch.autograd.grad(value, list(leaves.values()))
            with torch.no_grad():
                for p, dp in zip(leaves.values(), gradients, strict=True):
                    p.sub_(dp, alpha=learning_rate)
        if any(p.is_cuda for p in leaves.values()):
            torch.cuda.synchronize()
        return leaves

    def _forward(self, model: Model, params: Tensors, data: Tensors) -> tuple[Tensor, Tensor]:
        inputs = {name: array for name, array in data.items() if name != "y"}
        y_hat = FORWARDS[model.name](**inputs, **params)
        return loss(y_hat, data["y"]), y_hat
