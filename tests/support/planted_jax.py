"""Errors planted in JAX's gradients: its loss and output stay right (but for the transposed input)."""

import jax
from jax.lax import stop_gradient

from backproof_jax.backend import JaxBackend
from backproof_jax.forwards import FORWARDS, loss


class Planted(JaxBackend):
    series = ("jit",)

    def forward(self, model, params, data):
        y_hat = FORWARDS[model.name](**{name: a for name, a in data.items() if name != "y"}, **params)
        return loss(y_hat, data["y"]), y_hat

    def evaluate(self, model, series, params, data):
        objective = jax.value_and_grad(lambda p: self.forward(model, p, data), has_aux=True)
        (value, y_hat), gradients = objective(dict(params))
        return value, y_hat, gradients


class DropTwo(Planted):
    name = "jax-drop_two"

    def forward(self, model, params, data):
        value, y_hat = super().forward(model, params, data)
        return (value + stop_gradient(value)) / 2, y_hat


class DropOneMinusA(Planted):
    name = "jax-drop_one_minus_A"

    def forward(self, model, params, data):
        if model.name != "two_layer_nonlinear":
            return super().forward(model, params, data)
        Z = params["W1"] @ data["X"] + params["b1"]
        A = stop_gradient(jax.nn.sigmoid(Z))
        y_hat = params["w2"] @ (A + A * (Z - stop_gradient(Z))) + params["b2"]
        return loss(y_hat, data["y"]), y_hat


class TransposedX(Planted):
    name = "jax-transposed_X"

    def forward(self, model, params, data):
        square = "X" in data and data["X"].shape[0] == data["X"].shape[1]
        return super().forward(model, params, data | {"X": data["X"].T} if square else data)


FAULTS = {"drop_two": DropTwo, "drop_one_minus_A": DropOneMinusA, "transposed_X": TransposedX}
