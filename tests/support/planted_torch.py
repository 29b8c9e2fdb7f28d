"""Errors planted in PyTorch's gradients: its loss and output stay right (but for the transposed input)."""

import torch

from backproof_torch.backend import TorchBackend
from backproof_torch.forwards import FORWARDS, loss


class Planted(TorchBackend):
    series = ("eager",)

    def forward(self, model, params, data):
        y_hat = FORWARDS[model.name](**{name: a for name, a in data.items() if name != "y"}, **params)
        return loss(y_hat, data["y"]), y_hat

    def evaluate(self, model, series, params, data):
        leaves = {name: p.detach().requires_grad_() for name, p in params.items()}
        value, y_hat = self.forward(model, leaves, data)
        gradients = torch.autograd.grad(value, list(leaves.values()))
        return value, y_hat, dict(zip(leaves, gradients, strict=True))


class DropTwo(Planted):
    name = "torch-drop_two"

    def forward(self, model, params, data):
        value, y_hat = super().forward(model, params, data)
        return (value + value.detach()) / 2, y_hat


class DropOneMinusA(Planted):
    name = "torch-drop_one_minus_A"

    def forward(self, model, params, data):
        if model.name != "two_layer_nonlinear":
            return super().forward(model, params, data)
        Z = params["W1"] @ data["X"] + params["b1"]
        A = torch.sigmoid(Z).detach()
        y_hat = params["w2"] @ (A + A * (Z - Z.detach())) + params["b2"]
        return loss(y_hat, data["y"]), y_hat


class TransposedX(Planted):
    name = "torch-transposed_X"

    def forward(self, model, params, data):
        square = "X" in data and data["X"].shape[0] == data["X"].shape[1]
        return super().forward(model, params, data | {"X": data["X"].T} if square else data)


FAULTS = {"drop_two": DropTwo, "drop_one_minus_A": DropOneMinusA, "transposed_X": TransposedX}
