"""The user's own numbers as balls.

2 / 7 is a float before any array sees it, and what is meant is the quotient: its ball is as wide as a few roundings.
A number that rounding is unlikely to have made (an integer, 0.5, the literal 1e-6) is taken at its binary value.
"""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import numpy as np
from flint import arb

from backproof.derivation.ball_arrays.refusal import refuse
from backproof.truth.balls import Objects, objects

ROUNDINGS = 8  # units roundoff that computing a constant may have lost: 1 / math.sqrt(n) is two operations
LITERAL_DIGITS = 2  # decimal digits of a step that a person types; 1e-5 - 1000 is computed, and has 8
LARGEST_SIZE = 4096  # a quotient of integers up to here may be one of sizes, even if it is short: 1 / 5 is 0.2


def constant_balls(values: Any) -> Objects:
    """Plain numbers as balls: integers exact, floats by `_ball`. Refuses what is not a real number."""
    array = np.asarray(values)
    if array.dtype.kind not in "biuf" or array.dtype == np.longdouble:
        refuse(f"a constant of dtype {array.dtype}")
    if array.dtype.kind != "f":
        return objects(np.frompyfunc(lambda v: arb(int(v)), 1, 1)(array), array.shape)
    digits = np.finfo(array.dtype).nmant + 1
    return objects(np.frompyfunc(lambda v: _ball(float(v), digits), 1, 1)(array), array.shape)


def _ball(value: float, digits: int) -> arb:
    """The ball of a float of `digits` bits."""
    if not math.isfinite(value) or _bits(value) <= digits // 2 or _typed(value):
        return arb(value)
    return arb(value, abs(value) * ROUNDINGS * 2.0**-digits)


def _bits(value: float) -> int:
    """The bits between the first and the last that is set."""
    numerator = abs(value.as_integer_ratio()[0])
    return (numerator // (numerator & -numerator)).bit_length() if numerator else 0


def _typed(value: float) -> bool:
    """Whether it is a short decimal, and not also a quotient of sizes."""
    digits = repr(value).split("e")[0].replace(".", "").strip("-0")
    near = Fraction(value).limit_denominator(LARGEST_SIZE)
    of_sizes = abs(near) <= LARGEST_SIZE and abs(Fraction(value) - near) <= abs(Fraction(value)) / 2**51
    return len(digits) <= LITERAL_DIGITS and not of_sizes
