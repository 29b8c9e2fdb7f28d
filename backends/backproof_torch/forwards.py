"""The four forwards and the loss, written as PyTorch users write them. No equation is shared with the reference."""

import torch
from torch import Tensor


def univariate(x: Tensor, w: Tensor, b: Tensor) -> Tensor:
    return w * x + b


def multivariate(X: Tensor, w: Tensor, b: Tensor) -> Tensor:
    return w @ X + b


def two_layer_linear(X: Tensor, W1: Tensor, b1: Tensor, w2: Tensor, b2: Tensor) -> Tensor:
    Z = W1 @ X + b1
    return w2 @ Z + b2


def two_layer_nonlinear(X: Tensor, W1: Tensor, b1: Tensor, w2: Tensor, b2: Tensor) -> Tensor:
    A = torch.sigmoid(W1 @ X + b1)
    return w2 @ A + b2


FORWARDS = {f.__name__: f for f in (univariate, multivariate, two_layer_linear, two_layer_nonlinear)}


def loss(y_hat: Tensor, y: Tensor) -> Tensor:
    return torch.nn.functional.mse_loss(y_hat, y)
