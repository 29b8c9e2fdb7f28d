"""Loss, output and gradients in PyTorch: by autograd, by torch.func, and the hand-derived ones as a control."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from backproof.models.model import Model
from backproof_torch.derivations import objective

Tensors = Mapping[str, Tensor]


def autograd(model: Model, params: Tensors, data: Tensors) -> tuple[Tensor, Tensor, dict[str, Tensor]]:
    """By `torch.autograd.grad`."""
    leaves = {name: p.detach().requires_grad_() for name, p in params.items()}
    value, y_hat = objective(model, leaves, data)
    return value, y_hat, by_leaves(value, leaves)


def by_leaves(value: Tensor, leaves: Tensors) -> dict[str, Tensor]:
    """The gradients by the leaves; zero by one that a loss does not use."""
    gradients = torch.autograd.grad(value, list(leaves.values()), allow_unused=True, materialize_grads=True)
    return dict(zip(leaves, gradients, strict=True))


def functional(model: Model, params: Tensors, data: Tensors) -> tuple[Tensor, Tensor, dict[str, Tensor]]:
    """By `torch.func`."""

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
