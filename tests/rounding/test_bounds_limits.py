"""The rounding bound where numbers leave their format: below its smallest, above its largest, cut to fewer bits."""

import math

import numpy as np
import pytest
from tests.support.toy_formats import CUT, FLUSHING, SMALL, TINY, UP, U, bound, lost

from backproof.rounding.formats import Format
from backproof.rounding.growth import likely

BELOW = TINY - 1e-9  # what is flushed, at worst
A = B = BELOW**0.5
FLUSHED = {  # what is computed, at what, and what every operation may flush, carried to the end
    "an input": (lambda xp, x: x, (0.1,), 0.1),
    "the smallest input": (lambda xp, x: x, (TINY,), 0),
    "product": (lambda xp, a, b: a * b, (A, B), TINY),
    "twice is exact": (lambda xp, a: 2 * a, (A,), 0),
    "half is not": (lambda xp, x: 0.5 * x, (2 * BELOW,), TINY),
    "a small factor": (lambda xp, a, b, c: a * b * c, (A, B, 0.5), TINY + TINY / 2),
    "a large factor first": (lambda xp, x, a, b: (x * a) * b, (100, A, B), 100 * TINY * (B + 1)),
    "a large factor last": (lambda xp, x, a, b: x * (a * b), (100, A, B), 100 * TINY * 2),
    "a large function": (lambda xp, x, a, b: xp.exp(x) * a * b, (math.log(100), A, B), 100 * TINY * (A * B + B + 1)),
    "a square": (lambda xp, x, a: (x * a) ** 2, (100, A), 2 * 100 * TINY * (A + TINY) * 100 + 100**2 * TINY),
    "a cube": (lambda xp, x, a, b: x**3 * a * b, (5, A, B), 125 * TINY * (A * B + B + 1)),
    "an inverse square": (lambda xp, x, a, b: x**-2 * a * b, (0.25, A, B), 16 * TINY * (A * B + B + 1)),
    "a small divisor": (lambda xp, x, a, b: (a / x) * b, (0.25, A, B), 4 * TINY * (B + 1)),
    "a small sum as divisor": (lambda xp, x, a, b: a / (x + x) * b, (0.125, A, B), 4 * BELOW + 4 * TINY * (B + 1)),
    "a large divisor": (lambda xp, a, b, x: (a * b) / x, (A, B, 4), TINY + TINY / 4),
    "an absolute value": (lambda xp, x, a, b: abs(x) * a * b, (-100, A, B), 100 * TINY * (B + 1)),
    "the larger, first": (lambda xp, x, a, b: xp.maximum(x, 1) * a * b, (100, A, B), 100 * TINY * (B + 1)),
    "the larger, second": (lambda xp, x, a, b: xp.maximum(1, x) * a * b, (100, A, B), 100 * TINY * (B + 1)),
    "the largest": (lambda xp, x, a, b: xp.max(x) * a * b, ([1, 100], A, B), 100 * TINY * (B + 1)),
    "either": (lambda xp, x, a, b: xp.where(x > 0, x, 1) * a * b, (100, A, B), 100 * TINY * (B + 1)),
    "a sum": (lambda xp, x, y: x + y, (1, BELOW - 1), TINY),
    "a common factor": (lambda xp, x, y, z: x * z + y * z, (1, BELOW - 1, 100), 3 * 100 * TINY),
    "a factor of one term": (lambda xp, x, y, z: x + y * z, (1, 1, 100), 2 * 100 * TINY),
    "a sum as a factor": (lambda xp, x, y, z, a: (x * z + y * z) * a, (0.6, 0.4, 100, 0.25), (300 / 4 + 100) * TINY),
    "sum of products": (lambda xp, x, y: xp.sum(x * y), (np.full(4, A), np.full(4, B)), (4 + 3) * TINY),
    "matrix product": (lambda xp, x, y: x @ y, (np.full((1, 4), A), np.full((4, 1), B)), (4 + 3) * TINY),
    "of large factors": (lambda xp, x, y: (5 * x) @ (y * 20), ([[1.0]], [[1.0]]), (300 + 100 * TINY) * TINY),
    "parts": (
        lambda xp, x, a, b: xp.concat((x, 1 * x), axis=0) * a * b,
        ([100.0], A, B),
        100 * TINY * np.array([B + 1, A * B + B + 1]),
    ),
    "exp": (lambda xp, x: xp.exp(x), (math.log(BELOW),), TINY),
}


@pytest.mark.parametrize("case", FLUSHED)
def test_what_may_be_flushed_to_zero_is_within_the_bound_in_any_association(case):
    function, values, flushed = FLUSHED[case]
    np.testing.assert_allclose(bound(function, *values, fmt=FLUSHING), flushed, rtol=1e-6)


OVERFLOWS = {  # what is computed, at what it may overflow in some order, and at what in none
    "product": (lambda xp, x, y: x * y, (11, 10), (9, 11)),
    "sum": (lambda xp, x, y: x + y, (60, 60), (60, 30)),
    "sum of terms that cancel": (lambda xp, x: xp.sum(x), ([60, -60, 60, -60],), ([24, -24, 24, -24],)),
    "a divisor that may come last": (lambda xp, x, y, z: x * (y / z), (30, 10, 5), (3, 10, 5)),
    "a divisor of both factors": (lambda xp, x, z: (x / z) * (x / z), (12, 10), (9, 10)),
    "a divisor below 1": (lambda xp, x, z: x / z, (30, 0.25), (24, 0.25)),
    "a divisor of one term": (lambda xp, x, y, z: x / z + y, (10, 5, 20), (10, 4, 20)),
    "a divisor of the other term": (lambda xp, x, y, z: y + x / z, (10, 5, 20), (10, 4, 20)),
    "a sum as a factor": (lambda xp, x, y, z, v: (x / z + y) * v, (10, 1, 20, 70), (10, 1, 20, 60)),
    "the larger of a quotient": (lambda xp, x, y, z: xp.maximum(x / z, 0.5) * y, (30, 5, 30), (30, 3, 30)),
    "the larger of a quotient, second": (lambda xp, x, y, z: xp.maximum(0.5, x / z) * y, (30, 5, 30), (30, 3, 30)),
    "parts": (lambda xp, x, z: xp.sum(xp.concat((x, x / z), axis=0)), ([12], 8), ([9], 8)),
    "a square of a quotient": (lambda xp, x, z: (x / z) ** 2, (11, 10), (9, 10)),
    "inverse": (lambda xp, x: x**-1, (1 / 101,), (1 / 99,)),
    "what is no number": (lambda xp, x, y: x * y, (math.inf, 1), (9, 1)),
    "what may be": (lambda xp, x, y: x * (y - y), (math.inf, 1), (9, 1)),
    "matrix product": (lambda xp, a, b: a @ b, ([[6.0, -6.0]], [[10.0], [10.0]]), ([[4.0, -4.0]], [[10.0], [10.0]])),
    "matrix product of quotients": (
        lambda xp, a, b, z: (a / z) @ (b / z),
        ([[12.0]], [[10.0]], 2),
        ([[9.0]], [[10.0]], 2),
    ),
}


@pytest.mark.parametrize("case", OVERFLOWS)
def test_where_some_order_may_overflow_nothing_is_promised(case):
    function, over, within = OVERFLOWS[case]
    assert np.isinf(bound(function, *over, fmt=SMALL)).all()
    assert np.isfinite(bound(function, *within, fmt=SMALL)).all()


def test_a_number_and_its_error_together_may_overflow():
    coarse = Format("coarse", 4, 2.0**-200, 100.0)
    assert np.isinf(bound(lambda xp, x, y: x + y, 60, 34.5, fmt=coarse))  # 94.5 and a sixteenth of it
    assert np.isfinite(bound(lambda xp, x, y: x + y, 60, 34, fmt=coarse))


def products(a, b, **options):
    return bound(lambda xp, a, b: a @ b, np.full((1, len(b)), a), np.array(b)[:, None], products=CUT, **options).item()


def test_units_that_take_in_fewer_bits_cut_factors_and_chop_sums():
    """A factor of 3 bits that is chopped loses up to a quarter; a partial sum that is chopped loses up to 2 U."""
    quarter, chopped = 1.25, 1 + 2 * U
    assert products(3, [5.0]) == pytest.approx(15 * (quarter**2 * UP * chopped - 1))
    worst = 3 * (quarter**2 * UP * chopped**3 - 1)
    assert worst <= products(1, [1.0, 1.0, 1.0]) <= worst + 3 * quarter**2 * UP * lost(2) * (1 + 1e-12)
    biased = 40 * (chopped**40 - 1)
    assert products(1, np.ones(40), law=likely) > biased  # chopping has no mean of zero
    assert bound(lambda xp, a, b: a @ b, np.ones((1, 40)), np.ones((40, 1)), law=likely) < biased / 10


def test_a_factor_that_a_unit_rounds_to_infinity_promises_nothing():
    assert np.isinf(products(81.0, [1.0]))  # 81 and a quarter of it
    assert np.isfinite(products(79.0, [1.0]))
    assert np.isinf(products(1.0, [81.0]))


def test_a_unit_may_flush_what_it_takes_in():
    fine = Format("fine", 30, 0.0, 100.0)

    def product(a, b):
        return bound(lambda xp, a, b: a @ b, [[a]], [[b]], fmt=FLUSHING, products=fine).item()

    assert product(0.2, 10.0) == pytest.approx(TINY * 10 + 0.2 * TINY + TINY * TINY + 10 * TINY, rel=1e-6)
    zero = 0.1 + TINY  # as it is read, and as it is taken in
    assert product(0.1, 10.0) == pytest.approx(zero * 10 + 0.1 * TINY + zero * TINY + 10 * TINY, rel=1e-6)
