"""Steps of descent in PyTorch: eager, and whole ones compiled for their shapes."""

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import torch
from torch import Tensor

from backproof.models.model import Model
from backproof_torch.derivations import objective
from backproof_torch.gradients import Tensors, by_leaves, functional

Step = Callable[[Model, Tensors, Tensors, Tensor], dict[str, Tensor]]


def by_autograd(model: Model, params: Tensors, data: Tensors, learning_rate: float, steps: int) -> dict[str, Tensor]:
    """Steps by `torch.autograd`, in place on leaves of their own."""
    leaves = {name: p.detach().clone().requires_grad_() for name, p in params.items()}
    for _ in range(steps):
        value, _ = objective(model, leaves, data)
        gradients = by_leaves(value, leaves)
        with torch.no_grad():
            for name, p in leaves.items():
                p.sub_(gradients[name], alpha=learning_rate)
    return leaves


def repeated(
    one: Step, model: Model, params: Tensors, data: Tensors, learning_rate: float, steps: int
) -> dict[str, Tensor]:
    """`one` step, repeated."""
    current = dict(params)
    like = next(iter(params.values()))
    rate = torch.full((), learning_rate, dtype=like.dtype, device=like.device)  # a number would be compiled in
    with torch.no_grad():
        for _ in range(steps):
            current = one(model, current, data, rate)
    return current


def step(model: Model, params: Tensors, data: Tensors, rate: Tensor) -> dict[str, Tensor]:
    """A step by `torch.func`."""
    gradients = functional(model, params, data)[2]
    return {name: p - rate * gradients[name] for name, p in params.items()}


def manual_step(model: Model, params: Tensors, data: Tensors, rate: Tensor) -> dict[str, Tensor]:
    """A step of the hand-derived equations."""
    gradients = model.gradients_in(torch, {**params, **data})
    return {name: p - rate * gradients[name] for name, p in params.items()}


def compiled_step(model: Model, params: Tensors, data: Tensors) -> Any:
    """The whole step of `compile`: (model, params, data, rate) -> params."""
    return compiled(step, model.name, "compile", key(data, params))


def key(*arrays: Mapping[str, Tensor]) -> tuple[Any, ...]:
    """What a compiled function is specialised to."""
    return tuple((name, a.shape, a.stride(), a.dtype, a.device) for part in arrays for name, a in part.items())


@cache
def compiled(function: Any, model: str, series: str, key: tuple[Any, ...]) -> Any:
    """`function` compiled for one model, series and key: past a limit of recompilations PyTorch silently runs eager."""
    torch._dynamo.reset()
    return torch.compile(function, fullgraph=True, dynamic=False)
