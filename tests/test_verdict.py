"""One tensor's verdict: form before value, FAIL beyond the rigorous bound, INCONCLUSIVE where nothing can be told."""

import numpy as np
import pytest
from flint import arb

from backproof.conformance.verdict import Verdict, judge
from backproof.truth.quantities import Quantity


def quantity(values, likely, rigorous):
    values = np.asarray(values, float)
    truth = np.frompyfunc(arb, 1, 1)(values) if values.ndim else np.array(arb(float(values)), object)
    return Quantity(truth, np.full(values.shape, likely), np.full(values.shape, rigorous))


TRUTH = quantity([[1.0, -2.0]], 0.01, 0.1)


def judged(values, truth=TRUTH, dtype="float64"):
    return judge(np.asarray(values), dtype, truth, "float64")


def test_pass_reports_its_numbers_at_the_worst_component():
    judgement = judged([[1.001, -2.004]])
    assert judgement.verdict is Verdict.PASS
    assert judgement.error == pytest.approx(0.004)
    assert (judgement.bound, judgement.rigorous_bound) == (0.01, 0.1)
    assert judgement.headroom == pytest.approx(2.5)
    assert judgement.resolution == pytest.approx(0.01)  # 2 * 0.01 / 2, at the best component
    assert judgement.worst_index == (0, 1)
    assert (judgement.actual, float(judgement.expected)) == (-2.004, -2.0)
    assert judgement.reason is None


def test_an_exact_answer_has_infinite_headroom():
    assert judged([[1.0, -2.0]]).headroom == np.inf


def test_between_the_bounds_is_inconclusive_and_beyond_both_fails():
    between, beyond = judged([[1.05, -2.0]]), judged([[1.05, -2.2]])
    assert (between.verdict, beyond.verdict) == (Verdict.INCONCLUSIVE, Verdict.FAIL)
    assert "more error than independent rounding explains" in between.reason
    assert beyond.worst_index == (0, 1)


def test_a_failure_is_shown_at_the_component_that_fails():
    truth = Quantity(TRUTH.value, np.array([[0.0001, 0.01]]), np.array([[10.0, 0.1]]))
    judgement = judged([[1.5, -2.2]], truth)  # the first is far over likely, the second alone over rigorous
    assert judgement.verdict is Verdict.FAIL
    assert judgement.worst_index == (0, 1)


def test_a_tensor_that_resolves_nothing_is_inconclusive():
    judgement = judged([[1.0, -2.0]], quantity([[1.0, -2.0]], 0.5, 0.5))
    assert judgement.verdict is Verdict.INCONCLUSIVE
    assert judgement.resolution == 0.5
    assert "hides a fault" in judgement.reason
    assert judged(np.zeros(2), quantity([0.0, 0.0], 1e-20, 1e-20)).verdict is Verdict.INCONCLUSIVE


def test_one_resolving_component_is_enough():
    assert judged([0.0, 3.0], quantity([0.0, 3.0], 1e-3, 1e-3)).verdict is Verdict.PASS


def test_without_a_bound_nothing_is_decided_but_bounded_neighbours_are():
    assert judged([[1.0, -2.0]], quantity([[1.0, -2.0]], np.inf, np.inf)).verdict is Verdict.INCONCLUSIVE
    mixed = Quantity(TRUTH.value, np.array([[np.inf, 0.01]]), np.array([[np.inf, 0.1]]))
    assert judged([[np.nan, -2.0]], mixed).verdict is Verdict.PASS
    assert judged([[np.nan, 2.0]], mixed).verdict is Verdict.FAIL


@pytest.mark.parametrize(
    ("values", "dtype", "kind"),
    [
        ([1.0, -2.0], "float64", "shape"),
        ([[1.0], [-2.0]], "float64", "shape"),  # would broadcast
        ([[1.0, -2.0]], "float32", "dtype"),
        ([[1.0, np.nan]], "float64", "not-finite"),
        ([[np.inf, -2.0]], "float64", "not-finite"),
    ],
)
def test_form_is_judged_before_value(values, dtype, kind):
    judgement = judged(values, dtype=dtype)
    assert judgement.verdict is Verdict.FAIL
    assert judgement.diagnosis.kind == kind
    assert judgement.reason == judgement.diagnosis.text


def test_scalars_are_judged():
    judgement = judged(np.float64(2.5), quantity(2.5, 1e-3, 1e-3))
    assert (judgement.verdict, judgement.worst_index) == (Verdict.PASS, ())


def test_gravity_orders_the_verdicts():
    assert max(Verdict, key=lambda verdict: verdict.gravity) is Verdict.ERROR
    assert min(Verdict, key=lambda verdict: verdict.gravity) is Verdict.PASS


def test_a_component_without_error_or_bound_hides_no_other():
    truth = Quantity(TRUTH.value, np.array([[0.0, 0.01]]), np.array([[0.0, 0.1]]))
    judgement = judged([[1.0, -2.05]], truth)
    assert (judgement.verdict, judgement.worst_index) == (Verdict.INCONCLUSIVE, (0, 1))


def test_a_quantity_may_be_resolved_relative_to_something_else():
    truth = Quantity(TRUTH.value, TRUTH.likely, TRUTH.rigorous, scale=np.array([[0.01, 0.02]]))
    assert judged([[1.0, -2.0]], truth).resolution == 1.0
    assert judged([[1.0, -2.0]], truth).verdict is Verdict.INCONCLUSIVE
