"""The catalogue: by name, a wrong way from the steps of the equations to gradients, and the models it is wrong for.

Each is a mistake that people make on paper or in code. A mutant returns the gradients it changes; the others
are right.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from backproof.models import MODELS, sigmoid
from backproof.mutants.steps import Gradients, Steps

Mutant = Callable[[Steps], Gradients]

ALL = tuple(MODELS)
REGRESSIONS = tuple(model.name for model in MODELS.values() if model.is_regression)
NETWORKS = tuple(model.name for model in MODELS.values() if model.is_network)
SIGMOID = tuple(model.name for model in MODELS.values() if not model.is_linear)
UNIVARIATE = tuple(model.name for model in MODELS.values() if model.has_one_feature)
MATRICES = tuple(model.name for model in MODELS.values() if not model.has_one_feature)

CATALOGUE: dict[str, tuple[Mutant, tuple[str, ...]]] = {}


def mutant(*models: str) -> Callable[[Mutant], Mutant]:
    """Enter a function into the catalogue under its name, for these models."""

    def register(function: Mutant) -> Mutant:
        CATALOGUE[function.__name__.replace("_", "-")] = (function, models)
        return function

    return register


def _scaled(factor: Callable[[Steps], Any], models: tuple[str, ...], name: str) -> None:
    def change(s: Steps) -> Gradients:
        return {key: (g * factor(s)).astype(g.dtype) for key, g in s.backward().items()}

    CATALOGUE[name] = (change, models)


def _dy_hat(formula: Callable[[Steps], Any], models: tuple[str, ...], name: str) -> None:
    CATALOGUE[name] = (lambda s: s.backward(dy_hat=formula(s)), models)


def _slope(formula: Callable[[Steps], Any], name: str) -> None:
    CATALOGUE[name] = (lambda s: s.backward(dZ=s.chain(slope=formula(s))), SIGMOID)


# The whole gradient off by a factor.
_scaled(lambda s: 0.5, ALL, "missing-2")  # the right gradient of the loss 1/(2m)
_scaled(lambda s: s.m, ALL, "missing-1/m")
_scaled(lambda s: s.m / 2, ALL, "missing-2/m")
_scaled(lambda s: -1, ALL, "sign")
_scaled(lambda s: 0, ALL, "zero")
_scaled(lambda s: s.m / (s.m - 1) if s.m > 1 else 2, ALL, "mean-over-m-1")
_scaled(lambda s: 1 / s.A.shape[0], NETWORKS, "mean-over-k")
_scaled(lambda s: 1 / s.X.shape[0], MATRICES, "mean-over-n")

# dy_hat wrong, and all that follows from it.
_dy_hat(lambda s: 2 * s.y_hat / s.m, ALL, "target-forgotten")
_dy_hat(lambda s: 2 * (s.y_hat + s.y) / s.m, ALL, "target-added")
_dy_hat(lambda s: np.sign(s.y_hat - s.y) / s.m, ALL, "absolute-loss")
_dy_hat(lambda s: (s.y_hat - s.y) ** 2 / s.m, ALL, "loss-for-its-derivative")
_dy_hat(lambda s: np.full_like(s.dy_hat, s.dy_hat.mean()), ALL, "mean-residual-for-each")

# sigma' wrong.
_slope(lambda s: np.ones_like(s.A), "slope-missing")
_slope(lambda s: s.A, "slope-A")
_slope(lambda s: 1 - s.A, "slope-1-A")
_slope(lambda s: s.A * (1 + s.A), "slope-A(1+A)")
_slope(lambda s: s.Z * (1 - s.Z), "slope-Z(1-Z)")
_slope(lambda s: sigmoid(s.A) * (1 - sigmoid(s.A)), "slope-at-A")
_slope(lambda s: 1 - s.A**2, "slope-of-tanh")
_slope(lambda s: (s.Z > 0).astype(s.Z.dtype), "slope-of-relu")
_slope(lambda s: (s.A * (1 - s.A)) ** 2, "slope-twice")
_slope(lambda s: -s.A * (1 - s.A), "slope-sign")


@mutant(*ALL)
def last_example_dropped(s: Steps) -> Gradients:
    return s.backward(dy_hat=np.where(np.arange(s.m) < s.m - 1, s.dy_hat, 0).astype(s.dy_hat.dtype))


@mutant(*ALL)
def first_example_twice(s: Steps) -> Gradients:
    return s.backward(dy_hat=np.where(np.arange(s.m) == 0, 2 * s.dy_hat, s.dy_hat).astype(s.dy_hat.dtype))


@mutant(*ALL)
def targets_shifted(s: Steps) -> Gradients:
    return s.backward(dy_hat=(2 * (s.y_hat - np.roll(s.y, 1, axis=1)) / s.m) if s.m > 1 else 0 * s.dy_hat)


@mutant(*ALL)
def stale_parameters(s: Steps) -> Gradients:
    """The gradient of the step before: of parameters a small step away."""
    gradients = s.backward()
    moved = {name: p + p.dtype.type(2**-7) * gradients[name] for name, p in s.params.items()}
    return s.at(params=moved).backward()


@mutant(*NETWORKS)
def stale_activation(s: Steps) -> Gradients:
    """dw2 with the A of first-layer parameters a small step away."""
    moved = s.params | {"b1": s.params["b1"] * s.params["b1"].dtype.type(1 + 2**-6)}
    return {"w2": s.dy_hat @ s.at(params=moved).A.T}


@mutant(*NETWORKS)
def stale_w2(s: Steps) -> Gradients:
    """dZ with the w2 of after the update."""
    return s.backward(dZ=s.chain(w2=s.params["w2"] - s.dy_hat.dtype.type(2**-6) * s.backward()["w2"]))


@mutant(*ALL)
def bias_not_reduced(s: Steps) -> Gradients:
    return {"b1": s.chain()} if s.two_layers else {"b": s.dy_hat}


@mutant(*ALL)
def bias_mean_for_sum(s: Steps) -> Gradients:
    return {"b1": s.chain().mean(axis=1, keepdims=True)} if s.two_layers else {"b": s.dy_hat.mean()}


@mutant(*ALL)
def bias_of_one_example(s: Steps) -> Gradients:
    return {"b1": s.chain()[:, :1]} if s.two_layers else {"b": s.dy_hat[0, 0]}


@mutant(*NETWORKS)
def bias_over_the_wrong_axis(s: Steps) -> Gradients:
    return {"b1": s.chain().sum(axis=0, keepdims=True)}


@mutant(*NETWORKS)
def b2_mean_for_sum(s: Steps) -> Gradients:
    return {"b2": s.dy_hat.mean()}


@mutant(*NETWORKS)
def b2_not_reduced(s: Steps) -> Gradients:
    return {"b2": s.dy_hat}


@mutant(*NETWORKS)
def w2_missing_in_dZ(s: Steps) -> Gradients:  # noqa: N802 (as the equations call it)
    return s.backward(dZ=s.chain(w2=np.ones_like(s.params["w2"])))


@mutant(*NETWORKS)
def W1_for_w2(s: Steps) -> Gradients:  # noqa: N802
    return s.backward(dZ=s.chain(w2=s.params["W1"][:, :1].T))


@mutant(*NETWORKS)
def units_reversed(s: Steps) -> Gradients:
    return s.backward(dZ=s.chain()[::-1])


@mutant(*NETWORKS)
def w2_with_the_bias_left_out(s: Steps) -> Gradients:
    Z = s.Z - s.params["b1"]
    return {"w2": s.dy_hat @ (sigmoid(Z) if s.nonlinear else Z).T}


@mutant(*SIGMOID)
def Z_for_A_in_dw2(s: Steps) -> Gradients:  # noqa: N802
    return {"w2": s.dy_hat @ s.Z.T}


@mutant(*NETWORKS)
def X_for_A_in_dw2(s: Steps) -> Gradients:  # noqa: N802
    return {"w2": s.dy_hat @ s.X.T}


@mutant(*NETWORKS)
def A_for_X_in_dW1(s: Steps) -> Gradients:  # noqa: N802
    return {"W1": s.chain() @ s.A.T}


@mutant(*MATRICES)
def features_reversed(s: Steps) -> Gradients:
    name = "W1" if s.two_layers else "w"
    return {name: s.backward()[name][:, ::-1]}


@mutant(*MATRICES)
def transposed(s: Steps) -> Gradients:
    return {name: g.T for name, g in s.backward().items()}


@mutant(*MATRICES)
def X_not_transposed(s: Steps) -> Gradients:  # noqa: N802
    """X for X^T, where the shapes allow it."""
    n, m = s.X.shape
    name, left = ("W1", s.chain()) if s.two_layers else ("w", s.dy_hat)
    return {name: left @ s.X} if n == m else {name: left @ s.X.T.reshape(n, m).T}


@mutant(*UNIVARIATE)
def product_of_sums(s: Steps) -> Gradients:
    return {"w": s.dy_hat.sum() * s.X.sum() / s.m}


@mutant(*UNIVARIATE)
def w_not_reduced(s: Steps) -> Gradients:
    return {"w": s.dy_hat * s.X}


@mutant(*REGRESSIONS)
def x_forgotten(s: Steps) -> Gradients:
    return {"w": np.ones_like(s.params["w"]) * s.dy_hat.sum()}


@mutant(*REGRESSIONS)
def y_for_x(s: Steps) -> Gradients:
    return {"w": np.ones_like(s.params["w"]) * (s.dy_hat * s.y).sum()}


def _one_component(relative: float) -> Mutant:
    def change(s: Steps) -> Gradients:
        changed = {}
        for name, gradient in s.backward().items():
            spoiled = np.array(gradient)
            where = np.unravel_index(np.argmax(np.abs(spoiled)), spoiled.shape)
            spoiled[where] *= spoiled.dtype.type(1 + relative)
            changed[name] = spoiled
        return changed

    return change


CATALOGUE["one-component-off-by-1e-3"] = (_one_component(1e-3), ALL)
CATALOGUE["one-component-off-by-1e-6"] = (_one_component(1e-6), ALL)  # float32 cannot tell it; float64 can


@mutant(*ALL)
def float32_inside(s: Steps) -> Gradients:
    """float32 arithmetic, whatever was asked for."""
    params, data = ({name: np.asarray(a, "float32") for name, a in arrays.items()} for arrays in (s.params, s.data))
    return {name: np.asarray(g, s.dy_hat.dtype) for name, g in s.at(params, data).backward().items()}


@mutant(*ALL)
def wrong_dtype(s: Steps) -> Gradients:
    other = "float32" if s.dy_hat.dtype == "float64" else "float64"
    return {name: np.asarray(g, other) for name, g in s.backward().items()}


@mutant(*ALL)
def scalars_in_brackets(s: Steps) -> Gradients:
    """A broadcasting accident: the scalar's gradient of shape (1, 1)."""
    name = "b2" if s.two_layers else "b"
    return {name: s.dy_hat.sum(keepdims=True)}


@mutant(*ALL)
def not_a_number(s: Steps) -> Gradients:
    """0 / 0 where the residual is divided by itself."""
    return s.backward(dy_hat=s.dy_hat * (0 * s.dy_hat) / (0 * s.dy_hat))


@mutant(*ALL)
def key_forgotten(s: Steps) -> Gradients:
    return {"b2" if s.two_layers else "b": None}
