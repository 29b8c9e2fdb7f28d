"""Hand-derived backpropagation, proved and certified, and the conformance suite for backends that compute it."""

from typing import TYPE_CHECKING, Any

from backproof.errors import InputError
from backproof.models import MODELS, Model

if TYPE_CHECKING:
    from backproof.derivation.testing import assert_derivation

__version__ = "0.1.0"

__all__ = ["MODELS", "InputError", "Model", "__version__", "assert_derivation"]


def __getattr__(name: str) -> Any:
    if name == "assert_derivation":  # imported when asked for: it needs flint and rich
        from backproof.derivation.testing import assert_derivation

        return assert_derivation
    raise AttributeError(f"module 'backproof' has no attribute {name!r}")
