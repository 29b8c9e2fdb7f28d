"""Backends that carry fewer bits than they were asked for, by explicit rounding."""

import numpy as np

from backproof.models import sigmoid
from backproof.rounding.formats import FORMATS, PRODUCTS
from backproof_numpy.backend import NumpyBackend

FLOAT32 = FORMATS["float32"]
TF32 = PRODUCTS["tf32"]


class RoundedOperands(NumpyBackend):
    """Every operand of a product rounded to `fmt`, sums kept wide: what tensor cores do."""

    fmt = TF32

    def product(self, a, b):
        rounded = (np.asarray(self.fmt.round(v.astype("float64")), v.dtype) for v in (a, b))
        return np.matmul(*rounded)

    def evaluate(self, model, series, params, data):
        p, dot, y = params, self.product, data["y"]
        m = y.shape[1]
        if model.name == "univariate":
            y_hat = self.product(p["w"].reshape(1, 1), data["x"]) + p["b"]
            dy_hat = 2 * (y_hat - y) / m
            gradients = {"w": dot(dy_hat, data["x"].T).reshape(()), "b": dy_hat.sum()}
            return np.mean((y_hat - y) ** 2), y_hat, gradients
        X = data["X"]
        if model.name == "multivariate":
            y_hat = dot(p["w"], X) + p["b"]
            dy_hat = 2 * (y_hat - y) / m
            return np.mean((y_hat - y) ** 2), y_hat, {"w": dot(dy_hat, X.T), "b": dy_hat.sum()}
        Z = dot(p["W1"], X) + p["b1"]
        nonlinear = model.name == "two_layer_nonlinear"
        A = sigmoid(Z) if nonlinear else Z
        y_hat = dot(p["w2"], A) + p["b2"]
        dy_hat = 2 * (y_hat - y) / m
        dZ = dot(p["w2"].T, dy_hat) * (A * (1 - A) if nonlinear else 1)
        gradients = {"W1": dot(dZ, X.T), "b1": dZ.sum(axis=1, keepdims=True), "w2": dot(dy_hat, A.T)}
        return np.mean((y_hat - y) ** 2), y_hat, gradients | {"b2": dy_hat.sum()}


class TF32Operands(RoundedOperands):
    name = "tf32-operands"


class BFloat16Operands(RoundedOperands):
    name, fmt = "bfloat16-operands", FORMATS["bfloat16"]


class Float32Operands(RoundedOperands):
    name, fmt = "float32-operands", FLOAT32


class Float32Inside(NumpyBackend):
    """float64 in and out, float32 between."""

    name = "float32-inside"

    def evaluate(self, model, series, params, data):
        def narrow(arrays):
            return {name: np.asarray(a, "float32") for name, a in arrays.items()}

        loss, output, gradients = super().evaluate(model, series, narrow(params), narrow(data))
        widened = {name: np.asarray(g, "float64") for name, g in gradients.items()}
        return np.float64(loss), np.asarray(output, "float64"), widened


class Float32AndWrong(Float32Inside):
    """As that, and one gradient is not only narrow: `mistake` of it."""

    def __init__(self, mistake):
        self.name, self.mistake = "float32-and-wrong", mistake

    def evaluate(self, model, series, params, data):
        loss, output, gradients = super().evaluate(model, series, params, data)
        name = "W1" if "W1" in gradients else "w"
        return loss, output, gradients | {name: self.mistake(gradients[name])}


float32_sign = Float32AndWrong(lambda g: -g)
float32_half = Float32AndWrong(lambda g: g / 2)
float32_coarse = Float32AndWrong(lambda g: np.ldexp(np.round(np.ldexp(np.frexp(g)[0], 11)), np.frexp(g)[1] - 11))
