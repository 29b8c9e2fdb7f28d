"""A cell's verdict from its backend's answers: what is asked, what of an answer fails, what is said of it."""

from dataclasses import replace

import numpy as np
import pytest

from backproof import MODELS
from backproof.conformance import decide as deciding
from backproof.conformance.cells import DISTINCT, Cell, Problem
from backproof.conformance.decide import decide, tasks, truth
from backproof.conformance.probe import probe_tasks, shown
from backproof.conformance.relations import RELATIONS
from backproof.conformance.trajectories import TRAJECTORIES
from backproof.conformance.user_model import UserModel, key
from backproof.hosting.evaluation import Failure, evaluate
from backproof.truth.exact import Undecided
from backproof.verdicts.judgement import Judgement, Verdict
from backproof_numpy import backend as NUMPY

WRONG_BITS = "not deterministic: two runs on the same inputs differ"


def cell(model="multivariate", regime="normal", dtype="float64", m=7, **options):
    shape = {**DISTINCT, "m": m}
    dims = tuple((letter, shape[letter]) for letter in MODELS[model].letters)
    return Cell(Problem(model, dims, regime, dtype), "numpy", "reference", "cpu", **options)


def answers(asked):
    return [replace(evaluate(NUMPY, task), seconds=0.5) for task in tasks(asked)]


def spoiled(answer, name, change, dtype=None):
    """The answer with `change` made to the values of tensor `name`."""
    values, had = answer.named[name]
    tensor = (np.asarray(change(values)), dtype or had)
    if name in ("loss", "output"):
        return replace(answer, **{name: tensor})
    return replace(answer, tensors=answer.tensors | {name: tensor})


@pytest.mark.parametrize("regime", ["normal", "strided", *TRAJECTORIES, *RELATIONS])
def test_right_answers_pass_and_the_report_holds_every_tensor(regime):
    asked = cell("two_layer_nonlinear", regime)
    told = answers(asked)
    report = decide(asked, told)
    assert (report.verdict, report.reason, report.precision) == (Verdict.PASS, None, None)
    assert report.seconds == 0.5 * len(told)
    gradients = {"dW1", "db1", "dw2", "db2"}
    expected = {
        **{trajectory: {"W1", "b1", "w2", "b2"} for trajectory in TRAJECTORIES},
        "normal": gradients | {"loss", "output"},
        "strided": gradients | {"loss", "output"},
        "repeated": gradients | {"loss", "output"},
    }.get(regime, gradients | {"loss"})  # the output of other examples is no relation's
    assert set(report.tensors) == expected


def test_what_is_asked():
    (normal,), (strided,) = (tasks(cell(regime=regime)) for regime in ("normal", "strided"))
    assert truth(cell().problem) is truth(cell().problem)  # the cells of a problem share it
    assert (normal.layout, normal.steps, strided.layout) == ("normal", 0, "strided")
    (descent,), (other,) = (tasks(cell(regime=regime, dtype="float32")) for regime in ("steps5", "steps3-strided"))
    assert (descent.layout, descent.steps, descent.learning_rate) == ("normal", 5, float(np.float32(1 / 15)))
    assert (other.layout, other.steps, other.learning_rate) == ("strided", 3, float(np.float32(1 / 24)))
    original, doubled = tasks(cell(regime="doubled"))
    np.testing.assert_array_equal(doubled.arrays["w"], 2 * original.arrays["w"])
    assert len(tasks(cell(regime="microbatches"))) == 3


def test_the_worst_tensor_is_the_cells_verdict_and_named():
    asked = cell()
    (answer,) = answers(asked)
    report = decide(asked, [spoiled(answer, "w", np.negative)])
    assert report.verdict is Verdict.FAIL
    assert report.reason == f"dw: {report.gradients['w'].reason}"
    assert report.gradients["b"].verdict is report.loss.verdict is report.output.verdict is Verdict.PASS
    assert report.precision is None  # a sign is no precision
    j = report.gradients["w"]
    assert report.worst == j.error / j.bound > 1e6


def test_the_worst_ratio_leaves_out_what_has_no_error_or_bound():
    exact = Judgement(Verdict.PASS, error=0.0, bound=0.0)
    report = decide(cell(), [Failure("gone")])
    assert report.worst is None
    told = replace(
        report, gradients={"w": exact, "b": Judgement(Verdict.PASS, error=1.0, bound=4.0)}, loss=Judgement("pass")
    )
    assert told.worst == 0.25


def test_an_answer_that_failed_is_an_error_with_its_reason():
    asked = cell(regime="repeated")
    report = decide(asked, [answers(asked)[0], Failure("it crashed")])
    assert (report.verdict, report.reason, report.tensors) == (Verdict.ERROR, "it crashed", {})


def test_without_a_truth_nothing_is_decided(monkeypatch):
    def undecided(*_):
        raise Undecided("a tie")

    monkeypatch.setattr(deciding, "truth", undecided)
    report = decide(cell(), answers(cell()))
    assert (report.verdict, report.reason) == (Verdict.INCONCLUSIVE, "no truth: a tie")


@pytest.mark.parametrize(
    ("regime", "change", "said", "named"),
    [
        ("normal", lambda a: a.tensors.pop("w"), "no gradient of w", {"dw"}),
        ("steps5", lambda a: a.tensors.pop("w"), "no gradient of w", {"dw"}),
        ("normal", lambda a: a.tensors.update(v=a.tensors["w"]), "v is no parameter", {"dv"}),
        ("normal", lambda a: a.tensors.update(y_hat=a.output), "y_hat is no parameter", {"dy_hat"}),
        (
            "normal",
            lambda a: a.tensors.update(v=a.tensors.pop("w")),
            "no gradient of w, v is no parameter",
            {"dw", "dv"},
        ),
        ("normal", lambda a: vars(a).update(loss=None), "no loss", {"loss"}),
        ("normal", lambda a: vars(a).update(output=None), "no output", {"output"}),
        ("transposed", lambda a: vars(a).update(output=None), "no output", {"output"}),
    ],
)
def test_tensors_that_are_missing_or_too_many_fail_and_are_named(regime, change, said, named):
    asked = cell(regime=regime)
    (answer,) = answers(asked)
    change(answer)
    report = decide(asked, [answer])
    assert (report.verdict, report.reason, report.seconds) == (Verdict.FAIL, said, 0.5)
    assert set(report.tensors) == named
    assert {(j.verdict, j.diagnosis.kind) for j in report.tensors.values()} == {(Verdict.FAIL, "key")}


def test_every_answer_to_a_relation_needs_its_tensors():
    asked = cell(regime="doubled")
    original, changed = answers(asked)
    del changed.tensors["b"]
    assert decide(asked, [original, changed]).reason == "no gradient of b"


def of_file(taps, by_hand=False, regime="normal"):
    """A cell of a user's file, whose gradients may come with those of its taps, and an answer to it."""
    plain = cell()
    arrays, dims = tasks(plain)[0].arrays, plain.problem.dims
    model = MODELS["multivariate"]

    def loss(xp, tap, **given):
        return model.loss(xp, **given, tap=lambda name, value: tap(name, value) if name in taps else value)

    file = UserModel(
        "f.py",
        "",
        "",
        replace(model, loss=loss),
        [dict(dims)],
        frozenset(),
        frozenset(taps),
        {(key(dict(dims)), "normal"): arrays},
    )
    return replace(plain, problem=replace(plain.problem, file=file, regime=regime), by_hand=by_hand)


def test_a_file_may_answer_with_its_taps_and_needs_no_output_without_y_hat():
    (answer,) = answers(cell())
    tapped = replace(answer, tensors=answer.tensors | {"y_hat": answer.output})
    assert decide(of_file({"y_hat"}), [tapped]).verdict is Verdict.PASS
    silent = replace(answer, output=None)
    assert decide(of_file({"y_hat"}), [silent]).reason == "no output"
    assert decide(of_file(set()), [silent]).verdict is Verdict.PASS
    assert decide(of_file(set()), [tapped]).reason == "y_hat is no parameter"
    assert tasks(of_file(set()))[0].file == "f.py"


@pytest.mark.parametrize("regime", ["normal", "steps5"])
def test_gradients_by_hand_are_weighed_and_no_others(monkeypatch, regime):
    def rounding(task, problem, judged, quantities, answers):
        return {name: replace(judged[name], verdict=Verdict.INCONCLUSIVE, reason="rounding") for name in quantities}

    monkeypatch.setattr(deciding, "judge_by_hand", rounding)
    for by_hand, verdict in ((True, Verdict.INCONCLUSIVE), (False, Verdict.PASS)):
        asked = cell(regime=regime, by_hand=by_hand)
        assert decide(asked, answers(asked)).verdict is verdict


def test_a_lower_dtype_is_named_and_a_higher_one_is_only_wrong():
    asked = cell()
    (answer,) = answers(asked)
    lower = spoiled(answer, "w", np.float16, "float16")
    lower = spoiled(lower, "b", np.float32, "float32")
    report = decide(asked, [lower])
    assert report.precision is None  # loss and output have the dtype asked for: it is not switched off
    assert report.gradients["w"].diagnosis.kind == report.gradients["b"].diagnosis.kind == "dtype"
    for name in ("loss", "output"):
        lower = spoiled(lower, name, np.float32, "float32")
    assert decide(asked, [lower]).precision == "float32, where float64 was asked for (is it switched off?)"
    asked = cell(dtype="float32")
    (answer,) = answers(asked)
    report = decide(asked, [spoiled(answer, "w", np.float64, "float64")])
    assert (report.verdict, report.precision) == (Verdict.FAIL, None)
    unknown = decide(asked, [spoiled(answer, "w", np.asarray, "float8")])
    assert (unknown.verdict, unknown.precision) == (Verdict.FAIL, None)


def in_float32(task):
    """What float32 arithmetic answers to a task in float64, in numbers of float64."""
    answer = evaluate(NUMPY, replace(task, dtype="float32"))
    values = {name: (v.astype("float64"), "float64") for name, (v, _) in answer.named.items()}
    return replace(answer, loss=values.pop("loss"), output=values.pop("output"), tensors=values)


def probe(answer):
    return lambda asked: shown(asked, [answer(task) for task in probe_tasks(asked)])


def test_a_precision_that_the_probe_shows_is_named_with_the_settings_in_force():
    """float64 was asked for and everything was computed in float32."""
    asked = cell()
    answer = in_float32(tasks(asked)[0])
    said = "24 significand bits: float32 (is float64 switched off?), where 53 were asked for"
    for settings, force in (({}, ""), ({"x64": "off", "tf32": "on"}, " (in force: x64 off, tf32 on)")):
        report = decide(asked, [replace(answer, settings=settings)], probe(in_float32))
        assert report.precision == said + force
        assert {j.verdict for j in report.tensors.values()} == {Verdict.FAIL}
        assert report.reason == f"loss: {said}{force}"


@pytest.mark.parametrize(
    "probed",
    [
        None,  # nobody can be asked
        probe(lambda task: evaluate(NUMPY, task)),  # it answers the probe in full precision
        probe(lambda task: Failure("it crashed")),
        probe(lambda task: spoiled(in_float32(task), "w", lambda w: 1.01 * w)),  # wrong where float32 is exact
        probe(lambda task: spoiled(in_float32(task), "w", np.float32, "float32")),
        probe(lambda task: spoiled(in_float32(task), "w", np.ravel)),
    ],
)
def test_without_a_probe_that_shows_it_the_size_alone_is_told(probed):
    asked = cell()
    report = decide(asked, [in_float32(tasks(asked)[0])], probed)
    assert (report.verdict, report.precision) == (Verdict.FAIL, None)
    assert report.reason.endswith("(an error as large as float32's)")


def test_a_tensor_within_its_bounds_is_not_counted_to_a_lower_precision():
    asked = cell()
    (answer,) = answers(asked)
    lower = in_float32(tasks(asked)[0])
    for name in ("loss", "output", "w"):
        answer = spoiled(answer, name, lambda _, name=name: lower.named[name][0])
    report = decide(asked, [answer], probe(in_float32))
    assert report.precision.startswith("24 significand bits")
    assert {name for name, j in report.tensors.items() if j.verdict is Verdict.FAIL} == {"loss", "output", "dw"}
    assert (report.gradients["b"].verdict, report.gradients["b"].reason) == (Verdict.PASS, None)


def test_the_probe_is_asked_only_where_errors_are_of_a_lower_precisions_size():
    def never(asked):
        raise AssertionError

    asked = cell()
    (answer,) = answers(asked)
    for told in (answer, spoiled(answer, "w", np.negative)):
        assert decide(asked, [told], never).precision is None


def test_between_the_bounds_without_a_precision_to_explain_it_stays_inconclusive():
    asked = cell(m=509)  # of few roundings both bounds are the same
    (answer,) = answers(asked)
    quantity = truth(asked.problem).gradients["b"]
    off = float(quantity.likely + quantity.rigorous) / 2
    report = decide(asked, [spoiled(answer, "b", lambda b: float(quantity.value.item()) + off)])
    assert (report.verdict, report.precision) == (Verdict.INCONCLUSIVE, None)
    assert "independent rounding" in report.reason
    assert report.gradients["w"].verdict is Verdict.PASS


@pytest.mark.parametrize("name", ["loss", "w", "b"])
@pytest.mark.parametrize("which", [0, 1, 2])
def test_a_relation_fails_where_either_side_breaks_it(which, name):
    asked = cell(regime="microbatches")
    told = answers(asked)
    told[which] = spoiled(told[which], name, lambda values: 1.01 * values)
    report = decide(asked, told)
    assert report.verdict is Verdict.FAIL
    assert [n for n, j in report.tensors.items() if j.verdict is not Verdict.PASS] == [
        name if name == "loss" else f"d{name}"
    ]


def test_the_bounds_of_a_relation_are_those_of_both_sides_together():
    asked = cell(regime="doubled")
    original, changed = answers(asked)
    report = decide(asked, [original, changed])
    plain = decide(cell(), [original]).gradients["b"]
    # At doubled inputs the gradient of b is twice as large, and so is its bound; halved on the way back, it is equal.
    assert report.gradients["b"].bound == pytest.approx(2 * plain.bound, rel=1e-6)
    assert report.gradients["b"].rigorous_bound == pytest.approx(2 * plain.rigorous_bound, rel=1e-6)


def test_what_the_way_back_rounds_is_no_error_of_either_side():
    asked = cell(regime="microbatches")  # 2/7 and 5/7 of their gradients
    for judgement in decide(asked, answers(asked)).tensors.values():
        assert float(judgement.expected_radius) < 1e-50


def test_an_ill_formed_answer_to_a_relation_fails_whichever_side_it_is_on():
    asked = cell(regime="doubled")
    for which in (0, 1):
        told = answers(asked)
        told[which] = spoiled(told[which], "w", np.ravel)
        report = decide(asked, told)
        assert report.verdict is Verdict.FAIL
        assert report.gradients["w"].diagnosis.kind == "shape"
        assert report.gradients["b"].verdict is Verdict.PASS


def test_other_bits_at_the_same_inputs_are_reported_and_do_not_fail():
    asked = cell(regime="repeated")
    first, second = answers(asked)
    other = spoiled(second, "w", lambda w: np.nextafter(w, 9))
    assert decide(asked, [other, first]).verdict is Verdict.INCONCLUSIVE
    report = decide(asked, [first, other])
    assert (report.verdict, report.reason) == (Verdict.INCONCLUSIVE, f"dw: {WRONG_BITS}")
    assert {n for n, j in report.tensors.items() if j.verdict is Verdict.PASS} == {"loss", "output", "db"}


def again(first, *others):
    """A first answer with those of later calls that differ from it."""
    return replace(first, later=tuple(replace(other, call=i) for i, other in enumerate(others, 2)))


WRONG_CALLS = {
    "zeros": lambda a: spoiled(a, "w", np.zeros_like),
    "doubled": lambda a: spoiled(a, "w", lambda w: 2 * w),
    "nan": lambda a: spoiled(a, "w", lambda w: w * np.nan),
    "inf": lambda a: spoiled(a, "w", lambda w: w * np.inf),
    "shape": lambda a: spoiled(a, "w", np.ravel),
    "dtype": lambda a: spoiled(a, "w", np.float32, "float32"),
    "loss": lambda a: spoiled(a, "loss", lambda loss: loss + 1),
    "output": lambda a: spoiled(a, "output", lambda y: y + 1),
    "missing": lambda a: replace(a, tensors={"b": a.tensors["b"]}),
    "extra": lambda a: replace(a, tensors=a.tensors | {"v": a.tensors["b"]}),
}


@pytest.mark.parametrize("wrong", WRONG_CALLS)
@pytest.mark.parametrize("regime", ["normal", "repeated"])
def test_a_wrong_later_answer_fails_and_says_which_call_it_is(regime, wrong):
    asked = cell(regime=regime)
    told = answers(asked)
    right = spoiled(told[0], "b", lambda b: np.nextafter(b, 9))
    report = decide(asked, [again(told[0], right, WRONG_CALLS[wrong](told[0])), *told[1:]])
    assert report.verdict is Verdict.FAIL
    assert "the third call on the same arrays is wrong: " in report.reason
    failed = {name: j for name, j in report.tensors.items() if j.verdict is Verdict.FAIL}
    assert len(failed) == 1
    if wrong in ("zeros", "doubled", "loss", "output"):
        assert all(j.error > j.bound for j in failed.values())  # with its numbers


@pytest.mark.parametrize("wrong", ["zeros", "nan", "missing"])
def test_a_wrong_second_run_fails_too(wrong):
    asked = cell(regime="repeated")
    first, second = answers(asked)
    assert decide(asked, [first, WRONG_CALLS[wrong](second)]).verdict is Verdict.FAIL


@pytest.mark.parametrize("regime", ["microbatches", "steps5"])
@pytest.mark.parametrize("which", [0, -1])
def test_every_answer_of_a_cell_has_later_calls(which, regime):
    asked = cell(regime=regime)
    told = answers(asked)
    told[which] = again(told[which], spoiled(told[which], "w", lambda w: 2 * w))
    report = decide(asked, told)
    assert report.verdict is Verdict.FAIL
    assert "the second call on the same arrays is wrong" in report.reason


def test_a_failure_that_later_calls_do_not_repeat_says_so():
    asked = cell()
    (answer,) = answers(asked)
    wrong = spoiled(answer, "w", np.zeros_like)
    said = "the second call on the same arrays answers differently: it is "
    flaky = decide(asked, [again(wrong, answer)])
    assert (flaky.verdict, flaky.gradients["w"].error) == (Verdict.FAIL, decide(asked, [wrong]).gradients["w"].error)
    assert f"{said}within its bounds, with an error of " in flaky.reason
    assert f"{said}wrong too" in decide(asked, [again(wrong, spoiled(answer, "w", np.negative))]).reason
    assert "call" not in decide(asked, [wrong]).reason


def test_other_bits_within_the_bounds_fail_no_cell():
    asked = cell()
    (answer,) = answers(asked)
    other = spoiled(answer, "w", lambda w: np.nextafter(w, 9))
    assert decide(asked, [again(answer, other)]).verdict is Verdict.PASS
    asked = cell(regime="repeated")
    report = decide(asked, [again(answer, other), answer])
    assert (report.verdict, report.reason) == (Verdict.INCONCLUSIVE, f"dw: {WRONG_BITS}")


def test_a_later_answer_of_gradients_by_hand_is_excused_no_larger_error(monkeypatch):
    """A form that loses digits is excused; zeros at a second call are not."""

    def rounding(task, problem, judged, quantities, answers):
        weak = {"verdict": Verdict.INCONCLUSIVE, "reason": "rounding"}
        return {n: replace(judged[n], **weak) if judged[n].verdict is Verdict.FAIL else judged[n] for n in quantities}

    monkeypatch.setattr(deciding, "judge_by_hand", rounding)
    (answer,) = answers(cell())
    weak, weaker = (spoiled(answer, "w", lambda w, d=d: w * (1 + d)) for d in (1e-9, 2e-9))
    for regime, rest in (("normal", []), ("repeated", [weak])):
        asked = cell(regime=regime, by_hand=True)
        assert decide(asked, [again(weak, weaker), *rest]).verdict is Verdict.INCONCLUSIVE
        assert decide(asked, [again(weak, spoiled(answer, "w", np.zeros_like)), *rest]).verdict is Verdict.FAIL
        assert decide(asked, [again(answer, weak), *([answer] if rest else [])]).verdict is Verdict.FAIL
