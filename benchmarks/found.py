"""What a check of parameters finds."""

from typing import NamedTuple


class Found(NamedTuple):
    """Whether all is right, the error and the bound of the worst component, and what is wrong."""

    verified: bool
    error: float
    bound: float
    reason: str | None = None
