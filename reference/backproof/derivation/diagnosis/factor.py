"""Identifying a factor, known as numbers at several shapes, as an expression in the shape letters."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

Point = tuple[Mapping[str, float], float]  # the letters' values, and the factor there

MOST_EXPONENTS = 3  # letters in one expression, powers counted
LARGEST_NUMBER = 64  # of numerator and denominator


@dataclass(frozen=True, order=True)
class _Candidate:
    cost: float
    text: str


def identify(points: Sequence[Point], tolerance: float, number_cost: float = 0.25) -> str | None:
    """The simplest `c * n^a * m^b ...` that is the factor at every point within relative `tolerance`.

    A bit of c costs `number_cost` of a letter. c is a small fraction, or failing that whatever number fits all
    shapes. None where none fits.
    """
    if not all(math.isfinite(value) and value for _, value in points):
        return None
    found = min(_candidates(points, tolerance, number_cost), default=None)
    return found.text if found else None


def _candidates(points: Sequence[Point], tolerance: float, number_cost: float) -> Iterator[_Candidate]:
    for exponents in _exponents(list(points[0][0])):
        scale = [math.prod(_power(at, base, e) for base, e in exponents.items()) for at, _ in points]
        if not all(s > 0 and math.isfinite(s) for s in scale):
            continue
        constants = [value / s for (_, value), s in zip(points, scale, strict=True)]
        c = constants[0]
        if any(abs(other - c) > tolerance * abs(c) for other in constants):
            continue
        fraction = Fraction(c).limit_denominator(LARGEST_NUMBER)
        nice = abs(fraction.numerator) <= LARGEST_NUMBER and abs(float(fraction) - c) <= tolerance * abs(c)
        if not nice and len({tuple(sorted(at.items())) for at, _ in points}) < 2 and exponents:
            continue
        size = sum(_cost(base, e) for base, e in exponents.items())
        weight = number_cost * math.log2(abs(fraction.numerator) * fraction.denominator) if nice else 20
        yield _Candidate(size + weight, _text(fraction if nice else c, exponents))


def _exponents(letters: Sequence[str]) -> Iterator[dict[str, float]]:
    """Powers of the letters, their roots, and of each letter less one, as few as MOST_EXPONENTS at a time."""
    choices = [(0, 1, -1, 2, -2, 0.5, -0.5)] * len(letters)
    for powers in itertools.product(*choices):
        if sum(math.ceil(abs(p)) for p in powers) <= MOST_EXPONENTS:
            plain: dict[str, float] = {x: p for x, p in zip(letters, powers, strict=True) if p}
            yield plain
            if sum(abs(p) for p in powers) <= 1:
                for letter in letters:
                    yield plain | {f"{letter} - 1": 1}
                    yield plain | {f"{letter} - 1": -1}


def _power(at: Mapping[str, float], base: str, exponent: float) -> float:
    letter, minus, _ = base.partition(" - ")
    value = at[letter] - 1 if minus else at[letter]
    return float(abs(value) ** exponent) if value else 0.0


def _cost(base: str, exponent: float) -> float:
    return abs(exponent) + (1.5 if " - " in base else 0) + (0.75 if abs(exponent) == 0.5 else 0)


def _text(c: Fraction | float, exponents: Mapping[str, float]) -> str:
    above = [_factor(base, e) for base, e in exponents.items() if e > 0]
    below = [_factor(base, -e) for base, e in exponents.items() if e < 0]
    if isinstance(c, Fraction):
        above = ([str(abs(c.numerator))] if abs(c.numerator) != 1 or not above else []) + above
        below = ([str(c.denominator)] if c.denominator != 1 else []) + below
    else:
        above = [f"{abs(c):.{17 if abs(abs(c) - 1) < 1e-9 else 12}g}", *above]  # 1.0000000000001 is not 1
    bottom = f"/{below[0]}" if len(below) == 1 else f"/({'*'.join(below)})" if below else ""
    return ("-" if c < 0 else "") + "*".join(above) + bottom


def _factor(base: str, exponent: float) -> str:
    base = f"({base})" if " - " in base else base
    if exponent == 0.5:
        return f"sqrt({base})"
    return base if exponent == 1 else f"{base}**{exponent:g}"
