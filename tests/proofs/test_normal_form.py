"""The normal form of index expressions: zero where they are zero, not zero where they are not, and equal to them."""

import pytest
from sympy import IndexedBase, Integer, KroneckerDelta, Sum, Symbol

from backproof.proofs.sums import simplified
from backproof.proofs.symbols import DIMS, index, sigma

n, m, k = (DIMS[letter] for letter in "nmk")
i, j, l, p, q, r = (index(letter) for letter in "ijlpqr")  # noqa: E741
a, b, V = IndexedBase("a"), IndexedBase("b"), IndexedBase("V")
c = Symbol("c")

IDENTITIES = [
    Sum(a[i] * Sum(b[j], (j, 1, m)), (i, 1, k)) - Sum(a[j], (j, 1, k)) * Sum(b[i], (i, 1, m)),
    Sum(KroneckerDelta(i, p) * a[i], (i, 1, k)) - a[p],
    Sum(KroneckerDelta(i, p) ** 2 * a[i] * V[i, p], (i, 1, k)) - a[p] * V[p, p],
    Sum(Sum(KroneckerDelta(i, j) * V[i, j], (j, 1, k)), (i, 1, k)) - Sum(V[i, i], (i, 1, k)),
    Sum(c, (j, 1, m)) - m * c,
    Sum(a[i], (i, 1, k)) ** 2 - Sum(a[i] * a[j], (i, 1, k), (j, 1, k)),
    sigma(Sum(a[i] * 2, (i, 1, k))) - sigma(2 * Sum(a[j], (j, 1, k))),
    Sum(a[i] * (a[i] - b[j]) ** 2, (i, 1, k), (j, 1, m))
    - m * Sum(a[i] ** 3, (i, 1, k))
    + 2 * Sum(a[i] ** 2, (i, 1, k)) * Sum(b[i], (i, 1, m))
    - Sum(a[i], (i, 1, k)) * Sum(b[i] ** 2, (i, 1, m)),
]


@pytest.mark.parametrize("zero", IDENTITIES, ids=range(len(IDENTITIES)))
def test_the_normal_form_finds_zero(zero):
    assert simplified(zero, {p: k}) == 0


NOT_ZERO = [
    Sum(a[i], (i, 1, k)) - Sum(b[i], (i, 1, k)),
    Sum(a[i], (i, 1, k)) - Sum(a[i], (i, 1, m)),
    Sum(a[i] ** 2, (i, 1, k)) - Sum(a[i], (i, 1, k)) ** 2,
    Sum(V[i, j] * a[i], (i, 1, k), (j, 1, k)) - Sum(V[j, i] * a[i], (i, 1, k), (j, 1, k)),
    Sum(KroneckerDelta(i, q) * a[i], (i, 1, k)) - a[q],  # q ranges over n: there may be no i = q
    Sum(sigma(KroneckerDelta(i, p) * a[i]), (i, 1, k)) - sigma(a[p]),
    Sum(a[i], (i, 1, k)) - k * a[p],
    sigma(Sum(a[i], (i, 1, k))) - Sum(sigma(a[i]), (i, 1, k)),
    V[p, q] - V[q, p],
    Sum(sigma(Sum(V[i, j], (j, 1, k))), (i, 1, k)) - Sum(sigma(Sum(V[i, j], (i, 1, k))), (j, 1, k)),
    Sum(c, (j, 1, m)) - c,
]


@pytest.mark.parametrize("difference", NOT_ZERO, ids=range(len(NOT_ZERO)))
def test_the_normal_form_keeps_what_is_not_zero(difference):
    assert simplified(difference, {p: k, q: n}) != 0


@pytest.mark.parametrize("expression", IDENTITIES + NOT_ZERO, ids=range(len(IDENTITIES + NOT_ZERO)))
def test_the_normal_form_is_equal_to_what_it_was_made_of(expression):
    """Written out at actual sizes and free indices, both are one expression."""
    normal = simplified(expression, {p: k, q: n})
    for sizes in ({n: 3, m: 2, k: 4}, {n: 2, m: 3, k: 1}):
        for row in range(1, sizes[k] + 1):
            at = {p: Integer(row), q: Integer(2), **sizes}
            difference = (expression.subs(at).doit() - normal.subs(at).doit()).expand()
            assert difference == 0


def test_a_sum_that_does_not_start_at_one_is_not_guessed_at():
    with pytest.raises(ValueError, match="runs from 0"):
        simplified(Sum(a[i], (i, 0, k)))
