"""Truncated Taylor series over balls: a value and its derivative along a line, in one number."""

from __future__ import annotations

from typing import Any

import numpy as np
from flint import arb, arb_series

from backproof.truth.balls import Objects, objects


class Series:
    """a + b t: a value and its derivative along a line, as an order-2 `arb_series`.

    An `arb_series` is a sequence, which NumPy would unpack; hence the wrapper.
    """

    __slots__ = ("terms",)

    def __init__(self, terms: arb_series) -> None:
        self.terms = terms

    def __add__(self, other: Any) -> Series:
        return Series(self.terms + getattr(other, "terms", other))

    def __sub__(self, other: Any) -> Series:
        return Series(self.terms - getattr(other, "terms", other))

    def __rsub__(self, other: Any) -> Series:
        return Series(other - self.terms)

    def __mul__(self, other: Any) -> Series:
        return Series(self.terms * getattr(other, "terms", other))

    def __truediv__(self, other: Any) -> Series:
        return _quotient(self.terms, getattr(other, "terms", other))

    def __rtruediv__(self, other: Any) -> Series:
        return _quotient(other, self.terms)

    def __pow__(self, exponent: int | arb) -> Series:
        return Series(self.terms**exponent)

    def __neg__(self) -> Series:
        return Series(-self.terms)

    __radd__, __rmul__ = __add__, __mul__

    def exp(self) -> Series:
        """The one function that a specification calls by its name; all others come by `graph.functions`."""
        return Series(self.terms.exp())


def _quotient(above: Any, below: Any) -> Series:
    try:
        return Series(above / below)
    except ValueError as error:  # flint's, where the divisor may be zero: no other ValueError may pass for a kink
        raise ZeroDivisionError(str(error)) from None


def constant(v: Any) -> arb:
    """A ball, or the value of a series where its line starts."""
    return v.terms[0] if isinstance(v, Series) else v


def along(values: Objects, direction: Objects) -> Objects:
    """values + t direction, as series."""
    lift = np.frompyfunc(lambda v, d: Series(arb_series([v, d], prec=2)), 2, 1)
    return objects(lift(values, direction), values.shape)
