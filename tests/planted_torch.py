"""Errors planted in PyTorch's gradients: its loss and output stay right (but for the transposed input)."""

import torch

from backproof_torch.backend import TorchBackend
from backproof_torch.forwards import loss


class DropTwo(TorchBackend):
    name = "torch-drop_two"

    def _forward(self, model, params, data):
        value, y_hat = super()._forward(model, params, data)
        return (value + value.detach()) / 2, y_hat


class DropOneMinusA(TorchBackend):
    name = "torch-drop_one_minus_A"

    def _forward(self, model, params, data):
        if model.name != "two_layer_nonlinear":
            return super()._forward(model, params, data)
        Z = params["W1"] @ data["X"] + params["b1"]
        A = torch.sigmoid(Z).detach()
        y_hat = params["w2"] @ (A + A * (Z - Z.detach())) + params["b2"]
        return loss(y_hat, data["y"]), y_hat


class TransposedX(TorchBackend):
    name = "torch-transposed_X"

    def _forward(self, model, params, data):
        square = "X" in data and data["X"].shape[0] == data["X"].shape[1]
        return super()._forward(model, params, data | {"X": data["X"].T} if square else data)


FAULTS = {"drop_two": DropTwo, "drop_one_minus_A": DropOneMinusA, "transposed_X": TransposedX}
