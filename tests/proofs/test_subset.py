"""What the prover rests on: functions are what their files say, symbolic arrays refuse, side conditions are implied."""

import functools
import operator
from pathlib import Path

import numpy as np
import pytest
from sympy import IndexedBase, Rational, Sum, sqrt

from backproof import MODELS
from backproof.models import primitives
from backproof.models.model import Model
from backproof.proofs import prover
from backproof.proofs.conditions import holds, nonzero, positive, stated
from backproof.proofs.namespace import Namespace, inputs
from backproof.proofs.refusals import Refused, Unread, watched
from backproof.proofs.symbols import DIMS, Condition, index, sigma
from backproof.proofs.trace import trace

n, m, k = (DIMS[letter] for letter in "nmk")
q, r = index("q"), index("r")
y = IndexedBase("y")


def _globals(model):
    return model.gradients.__globals__


def _other(X, y, y_hat, m):
    return dict(w=2 * (y_hat - y) / m @ X.T, b=(2 * (y_hat - y) / m).sum())


class Same:
    """It does what a function does."""

    def __init__(self, function):
        self.function = function

    def __call__(self, *positional, **named):
        return self.function(*positional, **named)


@pytest.mark.parametrize(
    "change",
    [
        lambda scope: scope.update(backward=_other),
        lambda scope: scope.update(backward=functools.partial(scope["backward"])),
        lambda scope: scope.update(backward=Same(scope["backward"])),
        lambda scope: scope.update(backward=functools.wraps(scope["backward"])(lambda *a, **b: scope["forward"](*a))),
        lambda scope: setattr(scope["backward"], "__code__", _other.__code__),
        lambda scope: setattr(scope["backward"], "__defaults__", (3,)),
        lambda scope: setattr(scope["backward"], "__kwdefaults__", {"m": 3}),
        lambda scope: scope.update(backward=scope["forward"]),
        lambda scope: scope.update(dict=_other),
        lambda scope: scope.update(untapped=_other),
        lambda scope: Path(scope["backward"].__code__.co_filename).unlink(),
        lambda scope: Path(scope["backward"].__code__.co_filename).write_text("def backward(X, y, y_hat, m): return 1"),
    ],
)
def test_a_function_that_is_not_what_its_file_says_is_not_read(mutant, change):
    model = mutant("multivariate")
    trace(model)
    change(_globals(model))
    with pytest.raises(Unread):
        trace(model)


def test_a_number_of_the_file_is_still_that_number(mutant):
    model = mutant("multivariate", "\n\ndef forward", "\n\nTWO = 2\n\n\ndef forward", "2 * (y_hat", "TWO * (y_hat")
    trace(model)
    for other in (3, True, "2"):
        _globals(model)["TWO"] = other
        with pytest.raises(Unread, match="uses TWO at line 21"):
            trace(model)


def test_a_primitive_that_was_changed_is_not_read(monkeypatch):
    trace(MODELS["two_layer_nonlinear"])
    monkeypatch.setattr(primitives.sigmoid, "__code__", (lambda z, xp=np: z).__code__)
    with pytest.raises(Unread, match="calls sigmoid at line 17"):
        trace(MODELS["two_layer_nonlinear"])


def test_a_sigmoid_that_its_lemma_does_not_hold_of_proves_nothing(monkeypatch):
    """Where the file of the primitives itself is another."""
    monkeypatch.setattr(prover, "sigmoid", lambda z, xp=np: 1 / (1 + xp.exp(z)))
    reasons = {each.reason for each in prover.prove(MODELS["two_layer_nonlinear"])}
    assert reasons == {"code: sigmoid is not what its lemma says"}
    assert all(each.proved for each in prover.prove(MODELS["univariate"]))


def test_functions_of_two_files_are_read_in_their_own(mutant):
    loss, gradients = mutant("multivariate"), mutant("multivariate", "2 * (y_hat", "3 * (y_hat")
    mixed = Model(loss.name, loss.shapes, loss.params, loss.loss, gradients.gradients)
    assert trace(mixed).gradients["b"].entry().has(3)


REFUSED = {
    "bool": bool, "int": int, "float": float, "complex": complex, "index": operator.index, "hash": hash, "str": str,
    "repr": repr, "format": lambda x: f"{x:3}", "len": len, "iter": iter, "abs": abs, "round": round,
    "item": lambda x: x[0], "in": lambda x: 3 in x, "reversed": reversed, "array": np.asarray, "power": lambda x: 2**x,
    "symbolic power": lambda x: x**x, "remainder": lambda x: x % 2, "remainder of": lambda x: 7 % x,
    "floor": lambda x: x // 2, "divmod": lambda x: divmod(x, 2), "and": lambda x: x & 1, "or": lambda x: 1 | x,
    "shift": lambda x: x << 1, "invert": operator.invert, "where": lambda x: np.where(x, 1, 2), "sign": np.sign,
    "greater": lambda x: np.greater(x, 0), "maximum": lambda x: np.maximum(x, 0), "attribute": lambda x: x.dtype,
    "astype": lambda x: x.astype(int), "out": lambda x: np.add(x, 1, out=np.zeros(1)), "reduce": np.add.reduce,
    "axis": lambda x: x.sum(axis=x), "keepdims": lambda x: x.sum(keepdims=1), "infinite": lambda x: x + float("inf"),
    "nan": lambda x: x * float("nan"), "complex number": lambda x: x * 1j, "text": lambda x: x * "2",
    "True": lambda x: x + True,
    "a list": lambda x: operator.add(x, [1]), "namespace": lambda x: Namespace.where(x, 1, 2),
    "deepcopy": lambda x: x.__deepcopy__({}),
    **{name: (lambda x, name=name: getattr(operator, name)(x, 1)) for name in ("eq", "ne", "lt", "le", "gt", "ge")},
    **{f"{name} itself": (lambda x, name=name: getattr(operator, name)(x, x)) for name in ("eq", "ne", "lt", "ge")},
}  # fmt: skip


@pytest.mark.parametrize("operation", REFUSED.values(), ids=REFUSED)
@pytest.mark.parametrize("of", ["array", "size"])
def test_what_is_refused_spoils_the_run_even_where_it_is_caught(operation, of):
    X = inputs(MODELS["multivariate"])["X"]
    value = X if of == "array" else X.shape[1]
    with watched({__file__}) as watch:
        for _ in range(2):
            try:
                operation(value)
            except BaseException as refused:
                assert isinstance(refused, Refused)  # noqa: PT017
            else:
                pytest.fail("it answered")
    refusals = watch.refusals
    assert refusals
    assert len(refusals) >= 2
    assert all(" at line " in each for each in refusals)


CONDITIONS = [
    (m, True), (m + n, True), (m * n, True), (m - 1, False), (m - n, False), (-m, True), (2 * m - 1, False),
    (y[r], False), (y[r] ** 2, False), (1 + y[r] ** 2, True), (-1 - y[r] ** 2, True), (y[r] ** 2 + y[q] ** 4, False),
    (1 + y[r] * y[q], False), (1 + y[r] ** 3, False), (Rational(1, 3), True), (Rational(0), False),
    (Sum(y[r] ** 2, (r, 1, m)), False), (1 + Sum(y[r] ** 2, (r, 1, m)), True), (Sum(1 + y[r] ** 2, (r, 1, m)), True),
    (sigma(y[r]), True), (1 - sigma(y[r]), True), (2 - sigma(y[r]), False), (sigma(y[r]) - 1, True),
    (sigma(y[r]) * (1 - sigma(y[r])), True), (sigma(y[r]) - sigma(y[q]), False), (sqrt(m), True),
    (1 / (1 + y[r] ** 2), True), ((1 + y[r]) ** 2, False), (m ** 2 - 2 * m + 2, False),
]  # fmt: skip


@pytest.mark.parametrize(("expression", "implied"), CONDITIONS, ids=[str(each[0]) for each in CONDITIONS])
def test_a_divisor_that_cannot_be_zero(expression, implied):
    assert holds(Condition("divisor", expression, "")) is implied
    assert nonzero(expression) is implied
    assert not (positive(expression) and positive(-expression))


def test_a_root_needs_more_than_a_divisor():
    assert holds(Condition("divisor", -m, ""))
    assert not holds(Condition("root", -m, ""))
    assert not holds(Condition("root", y[r] ** 2, ""))
    assert holds(Condition("root", 1 + y[r] ** 2, ""))


def test_conditions_are_stated_once_and_not_of_numbers():
    several = [Condition("divisor", m, " at line 1"), Condition("divisor", m, " at line 2"), Condition("root", n, "")]
    assert [each.text for each in stated([*several, Condition("divisor", Rational(2), "")])] == ["m != 0", "n > 0"]


def test_a_condition_is_looked_at_off_the_diagonal(mutant):
    """A A^T + 1 is at least 1 on its diagonal, and may be 0 elsewhere."""
    model = mutant(
        "multivariate", "w=dy_hat @ X.T,", "w=dy_hat @ X.T + 0 * (1 / (X @ X.T + 1)).sum(axis=0, keepdims=True),"
    )
    (wrong,) = [each for each in trace(model).conditions("w") if each.expression != m]
    assert not holds(wrong)
