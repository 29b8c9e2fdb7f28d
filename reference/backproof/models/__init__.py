"""The four models, by name. Each file satisfies the derivation format: shapes, params, loss, gradients."""

from backproof.core.errors import InputError
from backproof.models import multivariate, two_layer_linear, two_layer_nonlinear, univariate
from backproof.models.model import Model
from backproof.models.primitives import sigmoid

MODELS = {
    model.name: model
    for model in (
        Model.from_module(univariate, is_linear=True),
        Model.from_module(multivariate, is_linear=True),
        Model.from_module(two_layer_linear, is_linear=True),
        Model.from_module(two_layer_nonlinear, is_linear=False),
    )
}

__all__ = ["MODELS", "Model", "named", "sigmoid"]


def named(name: str) -> Model:
    """The model of that name. Raises InputError where there is none."""
    if name in MODELS:
        return MODELS[name]
    there_are = f"there is no model {name}; there are {', '.join(MODELS)}"
    if name.endswith(".py"):
        raise InputError(f"{there_are}; a derivation's file is taken by backproof check and conform --model")
    raise InputError(there_are)
