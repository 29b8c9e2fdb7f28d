"""One tensor's verdict: form before value, FAIL beyond the rigorous bound, INCONCLUSIVE where nothing can be told."""

import numpy as np
import pytest
from flint import arb

from backproof.truth.balls import precision
from backproof.truth.quantities import Quantity
from backproof.verdicts.judgement import Verdict, judge


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


def test_an_error_as_large_as_its_bound_is_within_it():
    likely, rigorous = 2.0**-10, 2.0**-8
    truth = quantity([[1.0, -2.0]], likely, rigorous)
    errors = {likely: Verdict.PASS, 1.5 * likely: Verdict.INCONCLUSIVE, rigorous: Verdict.INCONCLUSIVE}
    for error, verdict in (errors | {1.5 * rigorous: Verdict.FAIL}).items():
        assert judged([[1.0 + error, -2.0]], truth).verdict is verdict
        assert judged([[1.0, -2.0 - error]], truth).verdict is verdict


def test_components_without_an_error_are_not_the_worst():
    assert judged([[1.0, -2.001]]).worst_index == (0, 1)
    assert judged([[1.001, -2.0]]).worst_index == (0, 0)
    unbounded_first = Quantity(TRUTH.value, np.array([[np.inf, 0.01]]), np.array([[np.inf, 0.1]]))
    judgement = judged([[5.0, -2.0]], unbounded_first)
    assert (judgement.verdict, judgement.worst_index, judgement.error) == (Verdict.PASS, (0, 1), 0)


def test_the_truth_is_told_with_the_digits_and_the_radius_it_is_known_to():
    with precision(192):
        third = Quantity(np.array(arb(1) / 3, object), np.array(1e-9), np.array(1e-9))
    judgement = judged(1 / 3, third)
    assert judgement.expected == "0." + 25 * "3"
    assert 0 < float(judgement.expected_radius) < 1e-57
    assert len(judgement.expected_radius.partition("e")[0]) == len("1.23")


def test_resolved_is_the_share_of_components_that_show_a_fault_of_half_their_size():
    values = [4.0, 4.0, 2.0, 2.0, 1.0, 1.0, 0.0]
    truth = Quantity(quantity(values, 0, 0).value, np.full(7, 0.25), np.full(7, 0.25))
    truth.likely[5] = 1.0  # resolutions: 1/8 and 1/4 twice; 1/2, which is none; 2; none at all of zero
    judgement = judged(values, truth)
    assert (judgement.verdict, judgement.resolution, judgement.resolved) == (Verdict.PASS, 0.125, 4 / 7)


def test_an_answer_that_is_rightly_not_finite_passes_and_resolves_nothing():
    lost = Quantity(np.array([[arb("nan"), arb("nan")]], object), np.full((1, 2), np.inf), np.full((1, 2), np.inf))
    judgement = judged([[np.nan, np.inf]], lost)
    assert (judgement.verdict, judgement.resolved, judgement.reason) == (Verdict.PASS, 0.0, None)
    judgement = judged([[np.nan, 3.0]], lost)
    assert (judgement.verdict, judgement.worst_index) == (Verdict.FAIL, (0, 1))
    assert "vanished from 1 of 2 components" in judgement.reason


def test_a_failure_is_shown_at_the_component_that_fails():
    truth = Quantity(TRUTH.value, np.array([[0.0001, 0.01]]), np.array([[10.0, 0.1]]))
    judgement = judged([[1.5, -2.2]], truth)  # the first is far over likely, the second alone over rigorous
    assert judgement.verdict is Verdict.FAIL
    assert judgement.worst_index == (0, 1)


@pytest.mark.parametrize("shape", [(0,), (2, 0)])
def test_a_tensor_without_components_shows_nothing(shape):
    judgement = judged(np.zeros(shape), quantity(np.zeros(shape), 0, 0))
    assert (judgement.verdict, judgement.error) == (Verdict.INCONCLUSIVE, None)
    assert "no component" in judgement.reason
    assert judged(np.zeros((0, 3)), quantity(np.zeros(shape), 0, 0)).verdict is Verdict.FAIL


def test_a_tensor_that_resolves_nothing_is_inconclusive():
    judgement = judged([[1.0, -2.0]], quantity([[1.0, -2.0]], 0.5, 0.5))
    assert judgement.verdict is Verdict.INCONCLUSIVE
    assert judgement.resolution == 0.5
    assert "hides a fault" in judgement.reason
    assert judged(np.zeros(2), quantity([0.0, 0.0], 1e-20, 1e-20)).verdict is Verdict.INCONCLUSIVE


def test_one_resolving_component_is_enough():
    assert judged([0.0, 3.0], quantity([0.0, 3.0], 1e-3, 1e-3)).verdict is Verdict.PASS


def test_without_a_bound_nothing_is_decided_but_bounded_neighbours_are():
    judgement = judged([[1.0, -2.0]], quantity([[1.0, -2.0]], np.inf, np.inf))
    assert judgement.verdict is Verdict.INCONCLUSIVE
    assert judgement.reason == "no bound: float64 may overflow or lose every digit here"
    mixed = Quantity(TRUTH.value, np.array([[np.inf, 0.01]]), np.array([[np.inf, 0.1]]))
    assert judged([[np.nan, -2.0]], mixed).verdict is Verdict.PASS
    assert judged([[np.nan, 2.0]], mixed).verdict is Verdict.FAIL


@pytest.mark.parametrize(
    ("values", "dtype", "kind"),
    [
        ([1.0, -2.0], "float64", "shape"),
        ([[1.0]], "float64", "shape"),
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


def test_numbers_that_are_none_of_bfloat16_are_not_called_so():
    for value, reason in ((1.0078125, None), (1.00001, "dtype bfloat16, and some values are no numbers of bfloat16")):
        truth = quantity([[value, -2.0, np.nan]], 0.1, 0.1)
        assert judge(np.float32([[value, -2.0, np.nan]]), "bfloat16", truth, "bfloat16").reason == reason


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
