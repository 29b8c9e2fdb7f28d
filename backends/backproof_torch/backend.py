"""PyTorch: eager autograd, torch.func, whole steps compiled, the hand-derived equations, and series for a GPU."""

import importlib.util
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor

from backproof.hosting.series import Series
from backproof.models.model import Model
from backproof_torch import steps as whole
from backproof_torch.gpu import KERNELS, OnGPU
from backproof_torch.gradients import Tensors, autograd, by_hand, functional
from backproof_torch.ranks import TorchRanks

CUDA = ("cuda",)
COMPILED = ("compile", "fused", "compile-tf32")
GRADIENTS = {  # those of the other series that are no kernels: autograd
    "func": functional,
    "compile": functional,
    "compile-tf32": functional,
    "manual": by_hand,
    "fused": by_hand,
}


class TorchBackend:
    """`eager`: forwards in PyTorch, gradients by `torch.autograd`; `func`: by torch.func; `compile`: a whole step of it
    compiled for its shapes; `manual`: the hand-derived equations, eager; `fused`: a whole step of them compiled.

    Float32 products are of float32, but for `tf32` and `compile-tf32`: `eager` and `compile` in TF32. On a GPU,
    `cudagraph`: the step of `compile`, K of them replayed. `triton`: one pass over the data by kernels of our own,
    replayed too, or K steps in one kernel where all fits; `triton-tf32`: the same with TF32 products. With
    TRITON_INTERPRET=1 the kernels run on the CPU, for tests, instead.
    """

    name = "torch"
    version = torch.__version__
    dtypes: tuple[str, ...] = ("float64", "float32", "bfloat16", "float16")

    def __init__(self) -> None:
        torch.set_float32_matmul_precision("highest")
        torch.backends.cudnn.allow_tf32 = False
        self._gpu = OnGPU()

    @property
    def devices(self) -> tuple[str, ...]:
        return ("cpu", "cuda") if torch.cuda.is_available() else ("cpu",)

    @property
    def series(self) -> tuple[str | Series, ...]:
        tf32: dict[str, Any] = dict(dtypes=("float32",), matmul_precision="tf32")
        kernels: dict[str, Any] = dict(devices=("cpu",) if os.environ.get("TRITON_INTERPRET") == "1" else CUDA)
        if not importlib.util.find_spec("triton"):
            kernels["unavailable"] = "no module triton; pip install 'backproof[triton]'"
        regressions, network = ("univariate", "multivariate"), ("two_layer_nonlinear",)
        return (
            Series("eager", derivations="loss"),
            Series("func", derivations="loss"),
            Series("compile", slow_to_compile=True),
            Series("manual"),
            Series("fused", slow_to_compile=True),
            Series("tf32", devices=CUDA, **tf32),
            Series("compile-tf32", devices=CUDA, slow_to_compile=True, **tf32),
            Series("cudagraph", devices=CUDA, slow_to_compile=True),
            Series("triton", models=regressions + network, dtypes=("float32", "bfloat16"), **kernels),
            Series("triton-tf32", models=network, **kernels, **tf32),  # a regression has no product of matrices
        )

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
        if series in KERNELS:
            found: tuple[Tensor, Tensor, dict[str, Tensor]] = self._gpu.kernels(model, series, data).evaluate(params)
            return found
        series = "compile" if series == "cudagraph" else series  # the graph is of its step
        with _precision(series):
            if series not in GRADIENTS:
                return autograd(model, params, data)
            run = GRADIENTS[series]
            if series in COMPILED:
                run = whole.compiled(run, model.name, series, whole.key(data, params))
            with torch.no_grad():
                return run(model, params, data)

    def descend(
        self, model: Model, series: str, params: Tensors, data: Tensors, learning_rate: float, steps: int
    ) -> dict[str, Tensor]:
        with _precision(series):
            if series in KERNELS:
                ends = self._gpu.by_kernels(model, series, params, data, learning_rate, steps)
            elif series == "cudagraph":
                ends = self._gpu.by_graph(model, params, data, learning_rate, steps)
            elif series in GRADIENTS:
                step = whole.manual_step if GRADIENTS[series] is by_hand else whole.step
                if series in COMPILED:
                    step = whole.compiled(step, model.name, series, whole.key(data, params))
                ends = whole.repeated(step, model, params, data, learning_rate, steps)
            else:
                ends = whole.by_autograd(model, params, data, learning_rate, steps)
        if any(p.is_cuda for p in ends.values()):
            torch.cuda.synchronize()
        return ends

    def join(self, device: str, seconds: float) -> TorchRanks:
        """Take this process's place among several (see `ranks`)."""
        return TorchRanks(device, seconds)


@contextmanager
def _precision(series: str) -> Iterator[None]:
    """Products in the precision of the series; where it has none of its own, in the one that is set."""
    if series not in ("tf32", "compile-tf32"):
        yield
        return
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("high")
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)
