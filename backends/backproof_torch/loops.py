"""PyTorch's hot loops: eager autograd, torch.func, whole steps compiled, and the hand-derived equations."""

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import torch
from torch import Tensor

from backproof.models.model import Model
from backproof_torch.backend import Tensors, TorchBackend
from backproof_torch.derivations import objective
from backproof_torch.ranks import TorchRanks

ValueAndGrad = Callable[[Model, Tensors, Tensors], tuple[Tensor, Tensor, dict[str, Tensor]]]


def functional(model: Model, params: Tensors, data: Tensors) -> tuple[Tensor, Tensor, dict[str, Tensor]]:
    """Loss, output and gradients by `torch.func`, of the forwards here."""

    def of_params(params: Tensors) -> tuple[Tensor, dict[str, Any]]:
        value, y_hat = objective(model, params, data)
        return value, {} if y_hat is None else {"y_hat": y_hat}

    gradients, (value, aside) = torch.func.grad_and_value(of_params, has_aux=True)(dict(params))
    return value, aside.get("y_hat"), gradients


def by_hand(model: Model, params: Tensors, data: Tensors) -> tuple[Tensor, Tensor, dict[str, Tensor]]:
    """The control: the model's own hand-derived equations, on tensors."""
    tapped: dict[str, Tensor] = {}
    value = model.loss(torch, tap=tapped.setdefault, **params, **data)
    return value, tapped["y_hat"], model.gradients_in(torch, {**params, **data})


def _derivatives(model: Model, params: Tensors, data: Tensors) -> dict[str, Tensor]:
    return functional(model, params, data)[2]


class TorchLoops(TorchBackend):
    """`eager` autograd; `func`: torch.func; `compile`: a whole step of it compiled for its shapes; `manual`: the
    hand-derived equations, eager; `fused`: a whole step of them compiled; `tf32`, `compile-tf32`: `eager` and `compile`
    in TF32."""

    series: tuple[str, ...] = ("eager", "func", "compile", "manual", "fused", "tf32", "compile-tf32")
    costly: tuple[str, ...] = ("compile", "fused", "compile-tf32")
    on: Mapping[str, tuple[str, ...]] = {"tf32": ("cuda",), "compile-tf32": ("cuda",)}
    dtypes_of: Mapping[str, tuple[str, ...]] = {"tf32": ("float32",), "compile-tf32": ("float32",)}
    products: Mapping[str, str] = {"tf32": "tf32", "compile-tf32": "tf32"}
    derivations: Mapping[str, str] = {"eager": "loss", "func": "loss"}

    def evaluate(
        self, model: Model, series: str, params: Tensors, data: Tensors
    ) -> tuple[Tensor, Tensor, dict[str, Tensor]]:
        if series in ("eager", "tf32"):
            return super().evaluate(model, series, params, data)
        run = by_hand if series in ("manual", "fused") else functional
        if series in self.costly:
            run = _compiled(run, model.name, series, _key(data, params))
        with torch.no_grad(), self.precision(series):
            return run(model, params, data)

    def descend(
        self, model: Model, series: str, params: Tensors, data: Tensors, learning_rate: float, steps: int
    ) -> dict[str, Tensor]:
        if series in ("eager", "tf32"):
            return super().descend(model, series, params, data, learning_rate, steps)
        step = _manual_step if series in ("manual", "fused") else _step
        if series in self.costly:
            step = _compiled(step, model.name, series, _key(data, params))
        current = dict(params)
        like = next(iter(params.values()))
        rate = torch.full((), learning_rate, dtype=like.dtype, device=like.device)  # a number would be compiled in
        with torch.no_grad(), self.precision(series):
            for _ in range(steps):
                current = step(model, current, data, rate)
        if any(p.is_cuda for p in current.values()):
            torch.cuda.synchronize()
        return current

    def join(self, device: str, seconds: float) -> TorchRanks:
        """Take this process's place among several (see `ranks`)."""
        return TorchRanks(device, seconds)


def compiled_step(model: Model, params: Tensors, data: Tensors) -> Any:
    """The whole step of `compile`: (model, params, data, rate) -> params."""
    return _compiled(_step, model.name, "compile", _key(data, params))


def _step(model: Model, params: Tensors, data: Tensors, rate: Tensor) -> dict[str, Tensor]:
    gradients = _derivatives(model, params, data)
    return {name: p - rate * gradients[name] for name, p in params.items()}


def _manual_step(model: Model, params: Tensors, data: Tensors, rate: Tensor) -> dict[str, Tensor]:
    gradients = model.gradients_in(torch, {**params, **data})
    return {name: p - rate * gradients[name] for name, p in params.items()}


def _key(*arrays: Mapping[str, Tensor]) -> tuple[Any, ...]:
    """What a compiled function is specialised to."""
    return tuple((name, a.shape, a.stride(), a.dtype, a.device) for part in arrays for name, a in part.items())


@cache
def _compiled(function: Any, model: str, series: str, key: tuple[Any, ...]) -> Any:
    """`function` compiled for one model, series and key: past a limit of recompilations PyTorch silently runs eager."""
    torch._dynamo.reset()
    return torch.compile(function, fullgraph=True, dynamic=False)
