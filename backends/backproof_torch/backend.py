"""PyTorch, eager, with autograd."""

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor

from backproof.models.model import Model
from backproof_torch.derivations import objective

Tensors = Mapping[str, Tensor]


class TorchBackend:
    """`eager`: forwards in PyTorch, gradients by `torch.autograd`; float32 products in float32.

    `tf32`: the same, deliberately in TF32.
    """

    name = "torch"
    version = torch.__version__
    dtypes = ("float64", "float32", "bfloat16", "float16")
    series: tuple[str, ...] = ("eager", "tf32")
    on: Mapping[str, tuple[str, ...]] = {"tf32": ("cuda",)}
    dtypes_of: Mapping[str, tuple[str, ...]] = {"tf32": ("float32",)}
    products: Mapping[str, str] = {"tf32": "tf32"}
    derivations: Mapping[str, str] = {"eager": "loss"}

    def __init__(self) -> None:
        torch.set_float32_matmul_precision("highest")
        torch.backends.cudnn.allow_tf32 = False

    @property
    def devices(self) -> tuple[str, ...]:
        return ("cpu", "cuda") if torch.cuda.is_available() else ("cpu",)

    def settings(self) -> dict[str, str]:
        override = os.environ.get("NVIDIA_TF32_OVERRIDE")  # the driver's libraries obey it, whatever PyTorch says
        told = {"float32_matmul_precision": torch.get_float32_matmul_precision()}
        return told | ({"NVIDIA_TF32_OVERRIDE": override} if override else {})

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
        with self.precision(series):
            value, y_hat = objective(model, leaves, data)
            gradients = _gradients(value, leaves)
        return value, y_hat, dict(zip(leaves, gradients, strict=True))

    def descend(
        self, model: Model, series: str, params: Tensors, data: Tensors, learning_rate: float, steps: int
    ) -> dict[str, Tensor]:
        leaves = {name: p.detach().clone().requires_grad_() for name, p in params.items()}
        with self.precision(series):
            for _ in range(steps):
                value, _ = objective(model, leaves, data)
                gradients = _gradients(value, leaves)
                with torch.no_grad():
                    for p, dp in zip(leaves.values(), gradients, strict=True):
                        p.sub_(dp, alpha=learning_rate)
        if any(p.is_cuda for p in leaves.values()):
            torch.cuda.synchronize()
        return leaves

    @contextmanager
    def precision(self, series: str) -> Iterator[None]:
        """Products in the precision of the series; where it has none of its own, in the one that is set."""
        if self.products.get(series) != "tf32":
            yield
            return
        before = torch.get_float32_matmul_precision()
        torch.set_float32_matmul_precision("high")
        try:
            yield
        finally:
            torch.set_float32_matmul_precision(before)


def _gradients(value: Tensor, leaves: Tensors) -> Sequence[Tensor]:
    """The gradients by the leaves; zero by one that a loss does not use."""
    found: Sequence[Tensor] = torch.autograd.grad(
        value, list(leaves.values()), allow_unused=True, materialize_grads=True
    )
    return found
