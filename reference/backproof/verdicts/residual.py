"""A function's exact value against the truth: what is left is no rounding."""

from __future__ import annotations

from enum import StrEnum

import numpy as np

from backproof.truth.balls import Objects, abs_lower, abs_upper, finite, precision, radii
from backproof.truth.quantities import MOST_BITS, Quantity

WIDEST = 2.0**-16  # radius, of the tensor's size, beyond which nothing is decided
MARGIN = 16  # radii, beyond which the rounding of the function's own constants does not reach


class Residual(StrEnum):
    """The exact value less the truth."""

    NONE = "none"  # none that the function's constants do not explain
    SMALL = "small"  # there is one, within the bound of the truth
    BEYOND = "beyond"  # there is one, beyond the bound
    UNKNOWN = "unknown"


def residual(exact: Objects, quantity: Quantity) -> Residual:
    """What `exact`, the balls of a function's value, leaves of the truth; their radii are those of its constants."""
    with precision(MOST_BITS):
        difference = exact - quantity.value
    if not finite(difference).all():
        return Residual.UNKNOWN
    least, radius = abs_lower(difference), radii(difference)
    certain = least > MARGIN * radius
    if np.any(certain & (least > quantity.likely)):
        return Residual.BEYOND
    if np.any(certain):
        return Residual.SMALL
    size = float(np.max(abs_upper(quantity.value), initial=0.0))
    if np.any(least > 0) or np.any(radius > np.maximum(WIDEST * size, quantity.likely)):
        return Residual.UNKNOWN
    return Residual.NONE
