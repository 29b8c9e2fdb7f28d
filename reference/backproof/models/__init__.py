"""The four models, by name. Each file satisfies the derivation format: shapes, params, loss, gradients."""

from backproof.models import multivariate, two_layer_linear, two_layer_nonlinear, univariate
from backproof.models.model import Model
from backproof.models.primitives import sigmoid

MODELS = {
    model.name: model
    for model in map(Model.from_module, (univariate, multivariate, two_layer_linear, two_layer_nonlinear))
}

__all__ = ["MODELS", "Model", "sigmoid"]
