"""Hand-derived backpropagation, proved and certified, and the conformance suite for backends that compute it."""

from backproof.errors import InputError
from backproof.models import MODELS, Model

__version__ = "0.1.0"

__all__ = ["MODELS", "InputError", "Model", "__version__"]
