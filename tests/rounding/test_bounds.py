"""The rounding bound of every operation, held against the worst that correct arithmetic can do, worked out by hand.

No bound is below the worst case; where the analysis is sharp, it is the worst case.
"""

import math

import numpy as np
import pytest
from tests.support.toy_formats import DOWN, FINE, UP, U, bound, lost

from backproof.rounding.growth import ULPS, likely, rigorous


def function_of_a_product(f, x, y, toward, ulps):
    """The worst of f(x y): the product rounded by the factor `toward`, f's own error on top of that."""
    exact, moved = f(x * y), f(x * y * toward)
    further = abs(moved) * lost(ulps) if abs(moved) > abs(exact) else abs(exact) * lost(ulps)
    return abs(moved - exact) + further


# What is computed, at what, the worst error, and how many times the worst its bound may be.
SHARP = 1 + 1e-9
CASES = {
    "an input is as given": (lambda xp, x: x, (3,), 0, SHARP),
    "a constant of the format": (lambda xp, x: x + 0.75, (0,), 0.75 * lost(1), SHARP),
    "a constant that is rounded": (lambda xp, x: x * 0.1, (5,), 0.5 * lost(2), SHARP),
    "product": (lambda xp, x, y: x * y, (3, -5), 15 * lost(1), SHARP),
    "product of three": (lambda xp, x, y, z: x * y * z, (2, 3, 5), 30 * lost(2), SHARP),
    "product of products": (lambda xp, x, y, z: (x * y) * (y * z), (2, 3, 5), 90 * lost(3), SHARP),
    "twice is exact": (lambda xp, x, y: 2 * (x * y), (3, 5), 30 * lost(1), SHARP),
    "twice an array is exact": (lambda xp, x: 2 * (x * x), ([3, 4],), np.array([18, 32]) * lost(1), SHARP),
    "two and more is not": (lambda xp, x, y: (2 + x) * y, (1, 5), 15 * lost(2), SHARP),
    "three times is not": (lambda xp, x, y: 3 * (x * y), (3, 5), 45 * lost(2), SHARP),
    "half is not below the smallest number": (lambda xp, x, y: 0.5 * (x * y), (3, 5), 7.5 * lost(2), SHARP),
    "sum": (lambda xp, x, y: x + y, (3, 5), 8 * lost(1), SHARP),
    "difference": (lambda xp, x, y: x - y, (3, -5), 8 * lost(1), SHARP),
    "sum of three": (lambda xp, x, y, z: x + y + z, (3, 5, 1e-9), 8 * lost(2), 1 + 1e-8),
    "a sum of terms that cancel": (lambda xp, x, y, z: x - y + z, (3, 3, 1e-9), 6 * lost(2), 1 + 1e-8),
    "sum of products": (lambda xp, x, y: x * x + y * y, (3, 5), 34 * lost(2), SHARP),
    "sum over an axis": (lambda xp, x: xp.sum(x, axis=1), (np.ones((2, 5)),), 5 * lost(4), SHARP),
    "sum of sums": (lambda xp, x, y: xp.sum(x) + xp.sum(y), (np.ones(3), np.ones(4)), 7 * lost(6), SHARP),
    "sum over an axis of sums": (lambda xp, x: xp.sum(x + x + x), (np.ones(4),), 12 * lost(11), SHARP),
    "dot product": (lambda xp, x, y: xp.sum(x * y), (np.ones(5), np.ones(5)), 5 * lost(5), SHARP),
    "product with a sum": (lambda xp, x, y: xp.sum(x) * y, (np.ones(4), 3), 12 * lost(4), SHARP),
    "minus": (lambda xp, x, y: -(x * y), (3, 5), 15 * lost(1), SHARP),
    "matrix product": (lambda xp, a, b: a @ b, (np.ones((2, 5)), np.ones((5, 3))), 5 * lost(5), SHARP),
    "matrix product of products": (
        lambda xp, a, b: (3 * a) @ (b * b),
        (np.ones((2, 5)), np.full((5, 3), 2.0)),
        60 * lost(7),
        SHARP,
    ),
    "matrix products": (lambda xp, a, b: a @ b, (np.ones((3, 2, 5)), np.ones((3, 5, 1))), 5 * lost(5), SHARP),
    "quotient": (lambda xp, x, y: x / y, (6, -2), 3 * lost(3), SHARP),
    "quotient of products": (lambda xp, x, y: (x * x) / (y * y), (6, 2), 9 * (UP / DOWN * UP**3 - 1), SHARP),
    "mean": (lambda xp, x: xp.mean(x), (np.ones(4),), UP**3 * UP**3 - 1, SHARP),
    "square": (lambda xp, x: x**2, (3,), 9 * lost(2), SHARP),
    "cube of a product": (lambda xp, x, y: (x * y) ** 3, (2, 3), 216 * lost(6), 1.04),
    "whole powers may be products and a quotient": (lambda xp, x: x**-2, (2,), lost(5) / 4, SHARP),
    "inverse square of a product": (lambda xp, x, y: (x * y) ** -2, (2, 0.5), DOWN**-2 * UP**5 - 1, 1.08),
    "power": (lambda xp, x: x**1.5, (4,), 8 * lost(16), SHARP),
    "root of a product": (lambda xp, x, y: (x * y) ** 0.5, (2, 2), 2 * (UP**0.5 * UP**16 - 1), 1.01),
    "inverse root of a product": (lambda xp, x, y: (x * y) ** -0.5, (2, 2), (DOWN**-0.5 * UP**16 - 1) / 2, 1.01),
    "power 0 is 1": (lambda xp, x, y: (x * y) ** 0, (3, 5), 0, SHARP),
}
for name, f, at, toward, loose in [
    ("exp", math.exp, (2, 3), UP, SHARP),
    ("exp", math.exp, (-2, 3), DOWN, SHARP),
    ("log", math.log, (4, 3), UP, 1.01),
    ("log", math.log, (0.5, 0.25), DOWN, 1.01),
    ("expm1", math.expm1, (2, 1), UP, SHARP),
    ("expm1", math.expm1, (-2, 1), UP, 1.6),
    ("log1p", math.log1p, (-0.5, 0.5), UP, SHARP),
    ("log1p", math.log1p, (0.5, 0.5), UP, 1.04),
    ("sqrt", math.sqrt, (2, 8), UP, 1.22),
    ("tanh", math.tanh, (0.5, 0.25), UP, 1.01),
    ("tanh", math.tanh, (-3, 1), UP, 1.01),
    ("sigmoid", lambda z: 1 / (1 + math.exp(-z)), (0.5, 0.25), UP, 1.01),
    ("sigmoid", lambda z: 1 / (1 + math.exp(-z)), (-8, 0.75), DOWN, 1.12),
]:
    call = {"log1p": lambda xp, x, y: xp.log1p(x * y)}.get(name, lambda xp, x, y, name=name: getattr(xp, name)(x * y))
    worst = function_of_a_product(f, *at, toward, ULPS[name])
    CASES[f"{name} of {math.prod(at)}"] = (call, at, worst, loose)


@pytest.mark.parametrize("case", CASES)
def test_no_bound_is_below_the_worst_case_nor_far_above(case):
    function, values, worst, loose = CASES[case]
    found = bound(function, *values)
    assert (found >= worst * (1 - 1e-12)).all()
    assert (found <= worst * loose).all()


@pytest.mark.parametrize(
    ("function", "z"), [("tanh", 4), ("tanh", -4), ("sigmoid", 8), ("sigmoid", -8), ("log1p", 1000)]
)
def test_where_a_function_is_flat_it_hides_errors(function, z):
    f = {"tanh": math.tanh, "sigmoid": lambda z: 1 / (1 + math.exp(-z)), "log1p": math.log1p}[function]
    far = 2.0**33
    error = bound(lambda xp, x, y: x - y, far + z, far, fmt=FINE).item()
    worst = max(abs(f(z + error) - f(z)), abs(f(z - error) - f(z)))
    found = bound(lambda xp, x, y: getattr(xp, function)(x - y), far + z, far, fmt=FINE)
    assert worst <= found <= 1.05 * worst


POLES = {  # a function of x + x - y, which rounding carries to 0 and beyond, or else not
    "log": lambda xp, z: xp.log(z),
    "sqrt": lambda xp, z: xp.sqrt(z),
    "inverse": lambda xp, z: 1 / z,
    "power -1": lambda xp, z: z**-1,
    "power -2": lambda xp, z: z**-2,
    "power 1/2": lambda xp, z: z**0.5,
}


@pytest.mark.parametrize("pole", POLES)
def test_where_rounding_reaches_a_pole_nothing_is_promised(pole):
    def function(xp, x, y):
        return POLES[pole](xp, x + x - y)

    assert np.isinf(bound(function, 1, 1.9))
    assert np.isinf(bound(function, 1, 1.6))
    assert np.isfinite(bound(function, 1, 1.5))


def test_where_rounding_reaches_minus_1_nothing_is_promised_of_log1p():
    assert np.isinf(bound(lambda xp, x, y: xp.log1p(x * y), -1.92, 0.5))  # 0.96 (1 + U) > 1
    assert np.isfinite(bound(lambda xp, x, y: xp.log1p(x * y), -1.86, 0.5))


def test_a_root_may_be_taken_of_what_rounding_carries_to_zero_and_not_beyond():
    def root(xp, x, y):
        return xp.sqrt(x - y)

    assert bound(root, 17, 15) == pytest.approx(math.sqrt(2) * (1 + 2 * lost(2)))  # 2 may come out as 32 U less: 0
    assert np.isinf(bound(root, 17, 15.01))
    assert bound(lambda xp, x: x**0.5, 0) < 1e-50


def test_a_choice_has_the_error_of_what_it_chooses_from():
    x, y = np.array([3.0, -4.0]), np.array([5.0, 6.0])
    product = np.array([15, 24]) * lost(1)
    np.testing.assert_allclose(bound(lambda xp, x, y: abs(x * y), x, y), product)
    np.testing.assert_allclose(bound(lambda xp, x, y: xp.maximum(x * y, x), x, y), product)
    np.testing.assert_allclose(bound(lambda xp, x, y: xp.maximum(x, x * y), x, y), product)
    np.testing.assert_allclose(bound(lambda xp, x, y: xp.max(x * y), x, y), product.max())
    np.testing.assert_allclose(bound(lambda xp, x, y: xp.min(x * y, axis=0), x, y), product.max())


def test_a_branch_that_is_sure_has_its_own_error_and_one_that_is_not_has_both():
    def chosen(xp, c, x, y):
        return xp.where(c * c > 4, x * y, y * y * y)

    sure, other = 15 * lost(1), 125 * lost(2)
    assert bound(chosen, 3, 3, 5) == pytest.approx(sure)
    assert bound(chosen, 1, 3, 5) == pytest.approx(other)
    assert bound(chosen, 2.05, 3, 5) == pytest.approx(sure + other + 15 + 125)


@pytest.mark.parametrize(
    ("condition", "values", "may_flip"),
    [
        (lambda xp, x, y: x > y, (1.0, 1.0 + 1e-9), False),  # numbers as they were given
        (lambda xp, x, y: x > y, (1.0, 1.0), False),
        (lambda xp, x, y: x == y, (1.0, 1.0), False),
        (lambda xp, x, y: x * 1.5 > y, (1.0, 1.5 + 1e-9), True),
        (lambda xp, x, y: x * 1.5 > y, (1.0, 2.0), False),
        (lambda xp, x, y: x + x > y, (1.0, 2.0 + 1e-9), True),  # the difference is a sum of three
        (lambda xp, x, y: x + x > y, (1.0, 3.0), False),
    ],
)
def test_a_comparison_may_flip_where_rounding_reaches_the_tie(condition, values, may_flip):
    assert bound(condition, *values) == (1 if may_flip else 0)


def test_the_place_of_the_largest_may_change_where_rounding_reaches_the_second():
    def gradient(*values):
        return bound(lambda xp, x: xp.max(x * 1.5), np.array(values), wrt=0)

    np.testing.assert_allclose(gradient(1.0, 2.0), [0, 1.5 * lost(2)], atol=1e-50)
    np.testing.assert_allclose(gradient(1.74, 2.0), [0, 1.5 * lost(2)], atol=1e-50)
    found = gradient(1.76, 2.0)
    assert ((found >= 1.5) & (found <= 1.5 * UP**4)).all()  # 2.64 and 3 may both be wrong by U 3


def test_the_place_of_the_largest_is_looked_for_row_by_row():
    x = np.array([[1.0, 2.0], [2.0, 1.76], [2.0, 1.0]])
    found = bound(lambda xp, x: xp.sum(xp.max(x * 1.5, axis=1)), x, wrt=0)
    np.testing.assert_array_equal(found > 1, [[False, False], [True, True], [False, False]])


def test_what_only_moves_keeps_each_components_error():
    x = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
    error = 0.1 * lost(2) * x
    for function, moved in {
        "transpose": (lambda xp, x: (x * 0.1).T, error.T),
        "reshape": (lambda xp, x: (x * 0.1).reshape(3, 2), error.reshape(3, 2)),
        "broadcast": (lambda xp, x: xp.broadcast_to(x * 0.1, (2, 2, 3)), np.broadcast_to(error, (2, 2, 3))),
        "take": (lambda xp, x: (x * 0.1)[:, [2, 0]], error[:, [2, 0]]),
        "concat": (lambda xp, x: xp.concat((x * 0.1, x), axis=1), np.hstack((error, 0 * error))),
        "sum": (lambda xp, x: xp.sum(x * 0.1, axis=1), 0.1 * x.sum(axis=1) * lost(4)),
    }.values():
        np.testing.assert_allclose(bound(function, x), moved)


def test_what_is_taken_more_than_once_is_added_up_in_the_gradient():
    w = np.array([1.0, 2.0, 4.0])
    found = bound(lambda xp, x, w: xp.sum(w * x[[0, 0, 1]]), [3.0, 5.0, 7.0], w, wrt=0)
    np.testing.assert_allclose(found, np.array([1 + 2, 4, 0]) * lost(2), atol=1e-50)


def test_parts_of_unequal_sums_have_the_count_of_the_longest():
    found = bound(lambda xp, x: xp.concat((x + x + x, x), axis=0), [1.0])
    np.testing.assert_allclose(found, [3 * lost(2), 1 * lost(2)])


def test_the_laws_at_their_limits():
    assert likely(100, U) < rigorous(100, U)
    n = 10_000
    second = n * U * U / (1 - U)
    assert likely(n, U) == pytest.approx(math.expm1(6 * math.sqrt(n) * U + second))
    assert rigorous(499 / U, U) == pytest.approx(UP ** (499 / U), rel=1e-6)
    assert rigorous(500 / U, U) == math.inf
    assert likely(1e9, U) == math.expm1(700.0)  # finite, and far beyond any number
