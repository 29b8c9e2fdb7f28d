"""Expressions on traced nodes: worth what NumPy makes of the same expression, and clear where they cannot be traced."""

import math

import numpy as np
import pytest

from backproof import InputError
from backproof.graph import layout_ops
from backproof.graph.nodes import Node, broadcast, compare, mean, power, reshape, total, transpose
from backproof.graph.sweep import evaluate
from backproof.truth.floating import Floating

RNG = np.random.default_rng(0)
ARRAYS = {"a": RNG.standard_normal((2, 3)), "b": RNG.standard_normal((2, 3)), "v": RNG.standard_normal(3)}
NODES = {name: Node("input", (), array.shape, name=name) for name, array in ARRAYS.items()}
INDEX = np.array([1, 0, 1])

EXPRESSIONS = {  # the same of nodes and of arrays
    "both sides": lambda a, b, v: (2 - a) / (1 + abs(b)) - v * 3 + 4 / (2 + v * v),
    "signs": lambda a, b, v: +a - -b,
    "powers": lambda a, b, v: a**2 + abs(b) ** np.float64(0.5) + (2 + v) ** np.array(3) + 2.0**v,
    "a product from the left": lambda a, b, v: np.ones((3, 2)) @ a,
    "a product from the right": lambda a, b, v: a @ np.ones((3, 4)),
    "vectors": lambda a, b, v: (a @ v) + (v @ a.T),
    "comparisons": lambda a, b, v: 1.0 * ((a > b) & (a < 1)) + 2.0 * ((a >= 0) | (b <= 0)),
    "equality": lambda a, b, v: 1.0 * (a == a) + 2.0 * (a != b),
    "not": lambda a, b, v: 1.0 * ((a > b) ^ True) if isinstance(a, np.ndarray) else 1.0 * ~(a > b),
    "rows, one by one": lambda a, b, v: sum(row * (i + 1) for i, row in enumerate(a)) + len(a),
    "indices": lambda a, b, v: a[1] + b[..., 0:1, 1] + a[INDEX, INDEX] + v[None, 2],
    "shapes": lambda a, b, v: a.reshape(3, 2) + b.reshape((3, 2)) + a.T + b.transpose(1, 0) + a.transpose(),
    "means": lambda a, b, v: a.mean() + b.sum(axis=-1).mean(0) + a.sum((0, 1)) + b.mean(axis=1, keepdims=True),
}


def worth(node):
    return evaluate([node], Floating(ARRAYS))[node]


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_an_expression_is_worth_what_numpy_makes_of_it(expression):
    made = EXPRESSIONS[expression](**NODES)
    expected = EXPRESSIONS[expression](**ARRAYS)
    assert made.shape == expected.shape
    np.testing.assert_allclose(worth(made), expected, rtol=1e-14, atol=1e-14)


def test_functions_of_the_module_take_numbers_and_arrays_too():
    a, array = NODES["a"], ARRAYS["a"]
    for made, expected in (
        (compare("<", a, a[:, :1]), array < array[:, :1]),  # the first column is a tie
        (compare("<=", a, a[:, :1]), array <= array[:, :1]),
        (power(abs(a), 2), array**2),
        (broadcast(np.arange(3.0), (2, 3)), np.broadcast_to(np.arange(3.0), (2, 3))),
        (layout_ops.stack([a, NODES["b"]], -1), np.stack([array, ARRAYS["b"]], -1)),
        (layout_ops.concat([a, np.ones((1, 3))]), np.concatenate([array, np.ones((1, 3))])),
        (layout_ops.squeeze(layout_ops.expand_dims(a, 1), 1), array),
        (layout_ops.squeeze(reshape(a, (1, 6, 1)), (0, -1)), array.reshape(6)),
        (mean(3.0), np.array(3.0)),
        (total(a, (), keepdims=True), array),
    ):
        np.testing.assert_array_equal(worth(made), expected)


def test_what_changes_nothing_makes_no_operation():
    a = NODES["a"]
    assert all(same is a for same in (+a, a**1, a**1.0, broadcast(a, (2, 3)), reshape(a, (2, -1))))
    assert repr(a) == "<input (2, 3)>"
    assert (a.ndim, a.size, a.mT.shape, a.line) == (2, 6, (3, 2), None)


UNTRACEABLE = {
    "a branch": (lambda a, v: 1 if a > 0 else 2, "takes a branch on a value"),
    "a number": (lambda a, v: math.exp(total(a)), "turns a traced value into a number"),
    "a list of a scalar": (lambda a, v: list(total(a)), "iterates over a scalar"),
    "text": (lambda a, v: a + "one", "mixes a str into its arithmetic"),
    "shapes": (lambda a, v: a + np.ones((4, 3)), r"add: shapes \(2, 3\) and \(4, 3\) do not broadcast"),
    "a product": (lambda a, v: a @ a, r"matmul: shapes \(2, 3\) and \(2, 3\) do not fit"),
    "a product of numbers": (lambda a, v: a @ 2.0, "matmul: shapes"),
    "axes": (lambda a, v: transpose(a, (0, 0)), r"transpose: axes \(0, 0\) of an array of shape \(2, 3\)"),
    "a broadcast": (lambda a, v: broadcast(a, (4, 3)), r"broadcast: \(2, 3\) does not broadcast to \(4, 3\)"),
    "a narrowing": (lambda a, v: broadcast(a, (1, 3)), r"broadcast: \(2, 3\) does not broadcast to \(1, 3\)"),
    "a shape": (lambda a, v: reshape(a, (4, 2)), r"reshape: \(2, 3\) does not fit into \(4, 2\)"),
    "an assignment": (lambda a, v: a.__setitem__(0, v), "assigns to a part of an array; make another with xp.where"),
    "a traced index": (lambda a, v: a[v], "indexes by a traced value"),
    "an index": (lambda a, v: a[2], r"indexing shape \(2, 3\): index 2 is out of bounds"),
    "an axis": (lambda a, v: a.sum(axis=2), r"axis 2 of an array of shape \(2, 3\)"),
    "an exponent": (lambda a, v: a ** float("nan"), "power: the exponent is nan; a finite number"),
    "an array of exponents": (lambda a, v: a ** np.ones(3), "power: the exponent is array"),
    "a row to concatenate": (lambda a, v: layout_ops.concat([a, v]), "do not fit along axis 0"),
    "numbers to concatenate": (lambda a, v: layout_ops.concat([1.0, 2.0]), "do not fit along axis 0"),
    "a squeeze": (lambda a, v: layout_ops.squeeze(a, 0), r"squeeze: axis 0 of shape \(2, 3\) is not of length 1"),
}


@pytest.mark.parametrize("what", UNTRACEABLE)
def test_what_cannot_be_traced_is_one_clear_error(what):
    expression, message = UNTRACEABLE[what]
    with pytest.raises(InputError, match=message):
        expression(NODES["a"], NODES["v"])
