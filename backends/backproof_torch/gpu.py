"""PyTorch's series for a GPU: CUDA graphs, and the hand-derived steps as Triton kernels."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from backproof.models.model import Model
from backproof_torch.gradients import Tensors
from backproof_torch.replay import Replayed, State
from backproof_torch.steps import compiled_step

KERNELS = ("triton", "triton-tf32")


class OnGPU:
    """What was recorded or compiled for the last problem of a series, and the steps by it."""

    def __init__(self) -> None:
        self._kept: dict[str, tuple[Any, Any]] = {}

    def by_graph(
        self, model: Model, params: Tensors, data: Tensors, learning_rate: float, steps: int
    ) -> dict[str, Tensor]:
        """Steps of `compile`, replayed."""

        def make() -> Replayed:
            step = compiled_step(model, params, data)
            rate = torch.full((), learning_rate, dtype=data["y"].dtype, device=data["y"].device)
            return Replayed(lambda state: step(model, dict(state), data, rate), params)

        with torch.no_grad():
            replayed: Replayed = self._once("cudagraph", (model.name, learning_rate, _identity(data)), data, make)
            return replayed.run(params, steps)

    def by_kernels(
        self, model: Model, series: str, params: Tensors, data: Tensors, learning_rate: float, steps: int
    ) -> dict[str, Tensor]:
        """Steps by kernels of our own: all in one, or replayed."""
        from backproof_torch.kernels.steps import joined, parted

        with torch.no_grad():
            kernels, theta = self.kernels(model, series, data), joined(params)
            ends = kernels.steps(theta, learning_rate, steps)
            if ends is None:

                def step(state: State) -> State:
                    return {"theta": kernels.step(state["theta"], learning_rate)}

                if data["y"].is_cuda:
                    key = (model.name, learning_rate, theta.shape, _identity(data))
                    replayed = self._once(f"{series} replayed", key, data, lambda: Replayed(step, {"theta": theta}))
                else:
                    replayed = Replayed(step, {"theta": theta}, record=lambda block: block)
                ends = replayed.run({"theta": theta}, steps)["theta"]
            return parted(ends, params)

    def kernels(self, model: Model, series: str, data: Tensors) -> Any:
        """The kernels of one model on these data."""
        from backproof_torch.kernels.steps import Kernels

        precision = "tf32" if series == "triton-tf32" else "ieee"
        return self._once(series, (model.name, _identity(data)), data, lambda: Kernels(model, data, precision))

    def _once(self, series: str, key: Any, data: Tensors, make: Callable[[], Any]) -> Any:
        """What `make` made for the last problem, if it is this one: graphs are of the very tensors they were recorded
        on, which are kept with them, and unchanged."""
        versions = tuple(a._version for a in data.values())
        if self._kept.get(series, (None,))[0] != (key, versions):
            self._kept[series] = ((key, versions), (make(), tuple(data.values())))
        return self._kept[series][1][0]


def _identity(arrays: Tensors) -> tuple[Any, ...]:
    return tuple((name, a.data_ptr(), a.shape, a.stride(), a.dtype, a.device) for name, a in arrays.items())
