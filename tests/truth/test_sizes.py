"""Every operation at sizes 0 and 1, in every arithmetic: NumPy's values, the complex step's gradients, or one error."""

import re
import warnings
from dataclasses import dataclass

import numpy as np
import pytest
from tests.support.array_namespaces import gradients, value
from tests.support.operations import OPERATIONS, offered

from backproof import InputError, Model
from backproof.derivation.diagnosis.diagnose import Diagnostician
from backproof.derivation.diagnosis.sweeps import Sweeper
from backproof.derivation.samples import Graph, Sample
from backproof.graph.functions import FUNCTIONS
from backproof.graph.namespace import Namespace
from backproof.graph.nodes import Node
from backproof.graph.reverse import RULES
from backproof.graph.sweep import evaluate, reachable
from backproof.graph.tracing import trace
from backproof.rounding.error_sweep import RoundingErrors
from backproof.rounding.formats import FORMATS
from backproof.truth.balls import middles
from backproof.truth.exact import Balls, Exact, Undecided
from backproof.truth.floating import Floating
from backproof.truth.quantities import certified
from backproof.truth.simulated import simulate

REFUSED = {  # what else a refusal may name than the operation itself
    "stack": "stack|concat",
    "broadcast_to": "broadcast",
    "matrix_transpose": "transpose",
    "mT": "transpose",
    "__getitem__": "multiply",
}
OF_ADJOINTS = {"lead", "peak", "scatter"}  # operations that only the reverse sweep makes


def operands(shapes):
    """Positive numbers of a few bits, no two of them equal, on both sides of 1."""
    rng = np.random.default_rng(len(shapes))
    return [np.asarray((4 * rng.permutation(int(np.prod(s))).reshape(s) + i + 1) / 8) for i, s in enumerate(shapes)]


@dataclass
class Case:
    """An expression at operands, NumPy's value of it, and a loss made of it, traced."""

    expression: object
    arrays: list
    expected: np.ndarray | None

    @classmethod
    def of(cls, expression, shapes):
        arrays = operands(shapes)
        return cls(expression, arrays, value(expression, arrays))

    def loss(self, xp, *arrays):
        """A square, so that adjoints differ between components."""
        weights = (1 + np.arange(self.expected.size).reshape(self.expected.shape)) / 4
        return xp.sum((self.expression(xp, *arrays) + weights) ** 2)

    @property
    def named(self):
        return {f"x{i}": array for i, array in enumerate(self.arrays)}

    def sample(self):
        shapes = {name: " ".join(map(str, array.shape)) for name, array in self.named.items()}
        model = Model("made", shapes, tuple(shapes), lambda xp, tap, **a: self.loss(xp, *a.values()), dict)
        traced = trace(model, {})
        return model, Sample(Graph({}, reachable(traced.roots), traced), 0, self.named)


@pytest.fixture(autouse=True)
def _numpy_may_warn():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # of means of nothing
        yield


def test_every_operation_that_a_loss_may_use_has_cases():
    assert set(OPERATIONS) == offered()
    assert all(OPERATIONS.values())


def test_the_cases_make_every_operation_and_every_arithmetic_has_it():
    made = set()
    for operation in OPERATIONS:
        for case in smooth(operation):
            made |= {node.op for node in case.sample()[1].graph.order}
    assert made == {*RULES, *OF_ADJOINTS, "input", "constant"}
    for arithmetic in (Exact, Balls, Floating, RoundingErrors):
        assert all(callable(getattr(arithmetic, op, None)) for op in made - FUNCTIONS.keys()), arithmetic
        assert callable(arithmetic.function)


@pytest.mark.parametrize("operation", OPERATIONS)
def test_an_operation_is_worth_what_numpy_makes_of_it_or_refused(operation):
    name = operation.partition(".")[2]
    for expression, shapes in OPERATIONS[operation]:
        case = Case.of(expression, shapes)
        inputs = [Node("input", (), array.shape, name=x) for x, array in case.named.items()]
        if case.expected is None:
            with pytest.raises(InputError, match=rf"^({REFUSED.get(name, name)}): |^axis .+ of"):
                expression(Namespace(), *inputs)
            continue
        node = expression(Namespace(), *inputs)
        assert node.shape == case.expected.shape
        truth = certified([node], case.named, "float64")[node]
        found = middles(truth.value)
        np.testing.assert_allclose(found, case.expected, rtol=1e-13, atol=1e-14)
        assert truth.likely.shape == truth.rigorous.shape == node.shape
        assert np.all(truth.likely <= truth.rigorous)
        assert np.all(np.abs(found - case.expected) <= truth.rigorous + np.spacing(np.abs(found)))
        floating = evaluate([node], Floating(case.named))[node]
        assert isinstance(floating, np.ndarray)
        np.testing.assert_allclose(floating, case.expected, rtol=1e-13, atol=1e-14, strict=True)


def smooth(operation):
    """The operation's cases that have a value and a slope: the root of a variance that is zero has none."""
    cases = [Case.of(expression, shapes) for expression, shapes in OPERATIONS[operation] if shapes]
    cases = [case for case in cases if case.expected is not None]
    return [case for case in cases if operation != "xp.std" or case.expected.all()]


def test_a_deviation_of_one_value_has_no_slope():
    case = Case.of(lambda xp, x: xp.std(x, axis=0), ((1, 2),))
    assert not case.expected.any()
    with pytest.raises(Undecided, match="the value is not finite"):
        case.sample()[1].quantities  # noqa: B018


@pytest.mark.parametrize("operation", OPERATIONS)
def test_gradients_through_an_operation_are_the_complex_steps(operation):
    for case in smooth(operation):
        _, sample = case.sample()
        assert set(sample.quantities) == set(case.named)  # certified, and confirmed by series through the forward
        swept = Sweeper(sample)
        for (name, quantity), slope in zip(sample.quantities.items(), gradients(case.loss, case.arrays), strict=True):
            assert np.all(np.isfinite(quantity.rigorous))
            np.testing.assert_allclose(sample.truths[name], slope, rtol=1e-12, atol=1e-13, strict=True)
            np.testing.assert_allclose(swept.truth[name], slope, rtol=1e-12, atol=1e-13, strict=True)


@pytest.mark.parametrize("operation", OPERATIONS)
def test_fewer_bits_lose_what_their_bounds_allow(operation):
    fmt = FORMATS["float32"]
    for case in smooth(operation):
        traced = case.sample()[1].graph.trace
        quantities = certified(traced.roots, case.named, fmt.name)
        narrow, *products = simulate(traced.roots, case.named, fmt)
        for node, quantity in quantities.items():
            truth = middles(quantity.value)
            assert np.all(np.abs(narrow[node] - truth) <= quantity.rigorous)
            assert narrow[node].shape == truth.shape
            for values in products:
                np.testing.assert_allclose(values[node], truth, rtol=1e-4, atol=1e-4, strict=True)


@pytest.mark.parametrize("operation", OPERATIONS)
def test_wrong_gradients_through_an_operation_are_diagnosed(operation):
    for case in smooth(operation):
        model, sample = case.sample()
        sample.answers = {name: np.sin(truth) + 0.3 for name, truth in sample.truths.items()}
        found = Diagnostician(model, "", [sample]).diagnose([*sample.answers])
        assert set(found) == set(sample.answers)
        assert all(re.fullmatch(r"[a-z-]+", diagnosis.kind) for diagnosis in found.values())
