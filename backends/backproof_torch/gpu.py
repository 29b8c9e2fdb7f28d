"""PyTorch's series for a GPU: CUDA graphs, and the hand-derived steps as Triton kernels."""

import importlib.util
import os
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from backproof.models.model import Model
from backproof_torch.backend import Tensors
from backproof_torch.loops import TorchLoops, compiled_step
from backproof_torch.replay import Replayed, State

CUDA = ("cuda",)
KERNELS = ("triton", "triton-tf32")


class TorchGPU(TorchLoops):
    """`cudagraph`: the step of `compile`, K of them replayed. `triton`: one pass over the data by kernels of our own,
    replayed too, or K steps in one kernel where all fits; `triton-tf32`: the same with TF32 products.

    With TRITON_INTERPRET=1 the kernels run on the CPU, for tests, instead.
    """

    series = (*TorchLoops.series, "cudagraph", *KERNELS)
    costly = (*TorchLoops.costly, "cudagraph")
    only: Mapping[str, tuple[str, ...]] = {
        "triton": ("univariate", "multivariate", "two_layer_nonlinear"),
        "triton-tf32": ("two_layer_nonlinear",),  # the regressions have no products of matrices
    }
    dtypes_of: Mapping[str, tuple[str, ...]] = {
        **TorchLoops.dtypes_of,
        "triton": ("float32", "bfloat16"),
        "triton-tf32": ("float32",),
    }
    products: Mapping[str, str] = {**TorchLoops.products, "triton-tf32": "tf32"}

    def __init__(self) -> None:
        super().__init__()
        self._kept: dict[str, tuple[Any, Any]] = {}

    @property
    def on(self) -> Mapping[str, tuple[str, ...]]:  # type: ignore[override]
        kernels = ("cpu",) if os.environ.get("TRITON_INTERPRET") == "1" else CUDA
        return {**TorchLoops.on, "cudagraph": CUDA, **dict.fromkeys(KERNELS, kernels)}

    @property
    def lacking(self) -> Mapping[str, str]:
        if importlib.util.find_spec("triton"):
            return {}
        return dict.fromkeys(KERNELS, "no module triton; pip install 'backproof[triton]'")

    def evaluate(
        self, model: Model, series: str, params: Tensors, data: Tensors
    ) -> tuple[Tensor, Tensor, dict[str, Tensor]]:
        if series in KERNELS:
            found: tuple[Tensor, Tensor, dict[str, Tensor]] = self._kernels(model, series, data).evaluate(params)
            return found
        return super().evaluate(model, "compile" if series == "cudagraph" else series, params, data)

    def descend(
        self, model: Model, series: str, params: Tensors, data: Tensors, learning_rate: float, steps: int
    ) -> dict[str, Tensor]:
        if series not in (*KERNELS, "cudagraph"):
            return super().descend(model, series, params, data, learning_rate, steps)
        run = self._by_kernels if series in KERNELS else self._by_graph
        with torch.no_grad():
            ends = run(model, series, params, data, learning_rate, steps)
        if data["y"].is_cuda:
            torch.cuda.synchronize()
        return ends

    def _by_graph(
        self, model: Model, series: str, params: Tensors, data: Tensors, learning_rate: float, steps: int
    ) -> dict[str, Tensor]:
        def make() -> Replayed:
            step = compiled_step(model, params, data)
            rate = torch.full((), learning_rate, dtype=data["y"].dtype, device=data["y"].device)
            return Replayed(lambda state: step(model, dict(state), data, rate), params)

        replayed: Replayed = self._once(series, (model.name, learning_rate, _identity(data)), data, make)
        return replayed.run(params, steps)

    def _by_kernels(
        self, model: Model, series: str, params: Tensors, data: Tensors, learning_rate: float, steps: int
    ) -> dict[str, Tensor]:
        from backproof_torch.kernels.steps import joined, parted

        kernels, theta = self._kernels(model, series, data), joined(params)
        ends = kernels.steps(theta, learning_rate, steps)
        if ends is None:

            def step(state: State) -> State:
                return {"theta": kernels.step(state["theta"], learning_rate)}

            if data["y"].is_cuda:
                key = (model.name, learning_rate, theta.shape, _identity(data))
                replayed = self._once(f"{series} replayed", key, data, lambda: Replayed(step, {"theta": theta}))
                ends = replayed.run({"theta": theta}, steps)["theta"]
            else:
                ends = Replayed(step, {"theta": theta}, record=lambda block: block).run({"theta": theta}, steps)[
                    "theta"
                ]
        return parted(ends, params)

    def _kernels(self, model: Model, series: str, data: Tensors) -> Any:
        from backproof_torch.kernels.steps import Kernels

        precision = "tf32" if self.products.get(series) == "tf32" else "ieee"
        return self._once(series, (model.name, _identity(data)), data, lambda: Kernels(model.name, data, precision))

    def _once(self, series: str, key: Any, data: Tensors, make: Callable[[], Any]) -> Any:
        """What `make` made for the last problem, if it is this one: graphs are of the very tensors they were recorded
        on, which are kept with them, and unchanged."""
        versions = tuple(a._version for a in data.values())
        if self._kept.get(series, (None,))[0] != (key, versions):
            self._kept[series] = ((key, versions), (make(), tuple(data.values())))
        return self._kept[series][1][0]


def _identity(arrays: Tensors) -> tuple[Any, ...]:
    return tuple((name, a.data_ptr(), a.shape, a.stride(), a.dtype, a.device) for name, a in arrays.items())
