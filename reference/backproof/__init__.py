"""Hand-derived backpropagation, proved and certified, and the conformance suite for backends that compute it."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from backproof.core.errors import InputError
from backproof.models import MODELS, Model

if TYPE_CHECKING:
    from backproof.derivation.check import check
    from backproof.derivation.testing import assert_derivation
    from backproof.hosting.series import Series

__version__ = "0.1.0"

__all__ = ["MODELS", "InputError", "Model", "Series", "__version__", "assert_derivation", "check"]

LATER = {
    "Series": "backproof.hosting.series",
    "assert_derivation": "backproof.derivation.testing",
    "check": "backproof.derivation.check",
}


def __getattr__(name: str) -> Any:
    if name in LATER:  # imported when asked for: they need flint and rich, or one another
        return getattr(import_module(LATER[name]), name)
    raise AttributeError(f"module 'backproof' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
