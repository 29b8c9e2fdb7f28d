"""Floating-point formats, by the name of their dtype."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

Floats = np.ndarray[Any, Any]  # float64


@dataclass(frozen=True)
class Format:
    """A floating-point format: `digits` significand bits, the smallest normal and the largest number."""

    name: str
    digits: int
    tiny: float
    huge: float

    @property
    def u(self) -> float:
        """The unit roundoff: half the distance from 1 to the next number."""
        return 2.0**-self.digits

    @property
    def numpy(self) -> str:
        """The NumPy dtype that holds its numbers: its own, or float32."""
        return "float32" if self.name == "bfloat16" else self.name

    def round(self, values: Any) -> Floats:
        """The numbers of this format nearest to `values` (float64), gradual underflow included."""
        return self._to_multiples(values, np.rint)

    def chop(self, values: Any) -> Floats:
        """`values` (float64) without the bits that this format does not hold."""
        return self._to_multiples(values, np.trunc)

    def _to_multiples(self, values: Any, to_integers: Callable[[Any], Any]) -> Floats:
        spacing = np.frexp(np.maximum(np.abs(values), self.tiny))[1] - self.digits
        multiples: Floats = np.ldexp(to_integers(np.ldexp(values, -spacing)), spacing)
        return multiples

    def holds(self, values: Any) -> Any:
        """Where `values`, of float64, are numbers of this format."""
        return self.round(values) == values


FORMATS = {
    f.name: f
    for f in (
        Format("float64", 53, 2.0**-1022, float(np.finfo(np.float64).max)),
        Format("float32", 24, 2.0**-126, float(np.finfo(np.float32).max)),
        Format("float16", 11, 2.0**-14, 65504.0),
        Format("bfloat16", 8, 2.0**-126, (2 - 2.0**-7) * 2.0**127),
    )
}

# What units for products of matrices take in, where it has fewer bits than the arrays: summed in float32.
PRODUCTS = {
    "tf32": Format("tf32", 11, 2.0**-126, (2 - 2.0**-10) * 2.0**127),
    "bfloat16": FORMATS["bfloat16"],
}
