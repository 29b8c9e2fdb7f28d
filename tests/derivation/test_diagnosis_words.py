"""What a diagnosis says: in the names that the derivation's author gave, and with a next step where none is found."""

import pytest
from tests.support.derivations import GALLERY, exchanged, written

from backproof.derivation.check import check

WRITTEN_OUT = """
import numpy as np
shapes = dict(X="n m", y="1 m", W1="k n", b1="k 1", w2="1 k", b2="")
params = ["W1", "b1", "w2", "b2"]

def loss(xp, X, y, W1, b1, w2, b2):
    A = 1 / (1 + xp.exp(-(W1 @ X + b1)))
    return xp.mean((w2 @ A + b2 - y) ** 2)

def gradients(X, y, W1, b1, w2, b2):
    e = np.exp(-(W1 @ X + b1))
    A = 1 / (1 + e)
    dy_hat = 2 * (w2 @ A + b2 - y) / X.shape[1]
    dZ = (w2.T @ dy_hat) * SLOPE
    return dict(W1=dZ @ X.T, b1=dZ.sum(1, keepdims=True), w2=dy_hat @ A.T, b2=dy_hat.sum())
"""


@pytest.mark.parametrize(
    ("slope", "said"),
    [
        ("e / (1 + e)", "yours has 1 - A for the derivative of A by `W1 @ X + b1` ("),
        ("A * (1 + A)", "yours has A (1 + A) for the derivative of A by `W1 @ X + b1` ("),
        ("(1 - A**2)", "yours has 1 - A^2 for the derivative of A by `W1 @ X + b1` ("),
        ("A", "yours has A for the derivative of A by `W1 @ X + b1` ("),
        ("A**2 * (1 - A)", "yours has the derivative of A by "),
    ],
)
def test_a_wrong_slope_is_told_of_the_named_value_not_of_what_it_is_written_out_as(slope, said, tmp_path):
    result = check(written(tmp_path, WRITTEN_OUT.replace("SLOPE", slope)), oracles=False)
    for name in ("W1", "b1"):
        diagnosis = result.gradients[name].diagnosis
        assert diagnosis.kind == "wrong-derivative"
        assert diagnosis.text.startswith(said)


def test_a_step_inside_a_function_is_not_called_by_the_whole_expression(tmp_path):
    source = (GALLERY / "logistic_regression.py").read_text().replace("np.exp(-z)", "np.exp(z)")
    text = check(written(tmp_path, source), oracles=False).gradients["w"].diagnosis.text
    whole = "`xp.logaddexp(z, 0 * z)`"
    assert text.startswith(f"yours lacks the derivative of the exp inside {whole} (the exp at line")


SOFTMAX, ATTENTION = "P = E / E.sum(axis=0,", "E.sum(axis=1, keepdims=True)     "
LAYER_NORM = "D = X - X.mean(axis=0, keepdims=True)                           #"
SPREAD = "s = np.sqrt((D**2).mean(axis=0,"


@pytest.mark.parametrize(
    ("file", "old", "new", "named", "said"),
    [
        ("softmax_cross_entropy", SOFTMAX, SOFTMAX.replace("0", "1"), "W b", "`xp.exp(Z - top)` is summed over axis 1"),
        ("softmax_cross_entropy", "Z.max(axis=0,", "Z.max(axis=1,", "W b", "Z is maximised over axis 1, not over"),
        ("attention", ATTENTION, ATTENTION.replace("1", "0"), "P S Q K V", "E is summed over axis 0, not over axis 1"),
        ("layer_norm", LAYER_NORM, LAYER_NORM.replace("0", "1"), "H gamma beta", "X is averaged over axis 1, not over"),
        ("layer_norm", SPREAD, SPREAD.replace("0", "1"), "H gamma beta", "`D**2` is averaged over axis 1, not over"),
    ],
)
def test_a_reduction_of_the_forward_over_another_axis_is_told(file, old, new, named, said, tmp_path):
    loss, hand = (GALLERY / f"{file}.py").read_text().split("def gradients")
    source = f"{loss}def gradients{exchanged(hand.split('def wrong')[0], (old, new))}"
    result = check(written(tmp_path, source), oracles=False)
    wrong = {name: g.diagnosis for name, g in result.gradients.items() if g.diagnosis}
    assert set(named.split()) == {name for name, diagnosis in wrong.items() if diagnosis.kind == "wrong-axis"}
    assert all(wrong[name].text.startswith(f"in the forward values, {said}") for name in named.split())
    for name in set(wrong) - set(named.split()):  # dX, whose usual form takes the mean for the right one
        assert "; mend dgamma, dbeta, dH first: the mistake may be the same" in wrong[name].text


HINGE = """
shapes = dict(X="m n", y="m", w="n")
params = ["w"]

def loss(xp, X, y, w):
    return xp.mean(xp.maximum(1 - y * (X @ w), 0.0))

def gradients(X, y, w):
    on = 1 - y * (X @ w) > 0
    return dict(w=-X.T @ (y * on) / len(y))
"""
GATE = """
import numpy as np
shapes = dict(h="k m", V="k k", U="k k", T="k m")
params = ["h", "V", "U"]

def loss(xp, h, V, U, T):
    r = 1 / (1 + xp.exp(-(V @ h)))
    return xp.mean((U @ (r * h) - T) ** 2)

def gradients(h, V, U, T):
    r = 1 / (1 + np.exp(-(V @ h)))
    e = 2 * (U @ (r * h) - T) / T.size
    d = U.T @ e
    dz = d * h * r * (1 - r)
    return dict(h=d * r + V.T @ dz, V=dz @ h.T, U=e @ (r * h).T)
"""
CENTRED = """
shapes = dict(X="n m", T="n m")
params = ["X"]

def loss(xp, X, T):
    return xp.mean(T * (X - xp.mean(X, axis=0, keepdims=True)) ** 2)

def gradients(X, T):
    d = 2 * T * (X - X.mean(axis=0)) / T.size
    return dict(X=d - d.mean(axis=0))
"""


@pytest.mark.parametrize(
    ("source", "old", "new", "name", "said"),
    [
        (HINGE, " * on)", ")", "w", "yours lacks the derivative of `xp.maximum(1 - y * (X @ w), 0.0)` by "),
        (HINGE, "-X.T", "X.T", "w", "yours is -1 times the truth"),
        (GATE, "d * r +", "d +", "h", "yours lacks the derivative of `r * h` by h, r (the multiply at line 8)"),
        (GATE, "U.T @ e", "U @ e", "V", "yours has U for its transpose, or the other way round, in the rule of "),
        (GATE, "V.T @ dz", "V @ dz", "h", "yours has V for its transpose, or the other way round, in the rule of "),
        (CENTRED, "d.mean", "d.sum", "X", "the term that comes through `xp.mean(X, axis=0, keepdims=True)` in "),
    ],
)  # fmt: skip
def test_a_classic_mistake_is_told_whatever_the_seed(source, old, new, name, said, tmp_path):
    path = written(tmp_path, exchanged(source, (old, new)))
    for seed in (0, 1, 2):
        gradient = check(path, oracles=False, seed=seed).gradients[name]
        assert gradient.diagnosis.text.startswith(said)
    if source is CENTRED:
        assert " counts n (here 3) times" in gradient.diagnosis.text


def test_a_wrong_sign_is_not_called_a_square(tmp_path):
    """The derivative of a maximum is 1 or 0, with the minus before it -1 or 0: its square has the other sign too."""
    regularised = [("y, w):", "y, w, lam):"), ("0.0))", "0.0)) + lam * xp.sum(w**2)"), ('w="n")', 'w="n", lam="")')]
    source = exchanged(HINGE, *regularised, ("-X.T @ (y * on) / len(y)", "X.T @ (y * on) / len(y) + 2 * lam * w"))
    text = check(written(tmp_path, source), oracles=False).gradients["w"].diagnosis.text
    assert "has the wrong sign" in text


def test_no_coincidence_of_algebra_is_told(tmp_path):
    source = """
import numpy as np
shapes = dict(z="m")
params = ["z"]

def loss(xp, z):
    return xp.sum((z / (1 + xp.exp(-z))) ** 2)

def gradients(z):
    s = 1 / (1 + np.exp(-z))
    return dict(z=2 * z * s * s * (1 - s))
"""
    assert check(written(tmp_path, source), oracles=False).gradients["z"].diagnosis.kind == "unknown"


TAPPED = """
import numpy as np
shapes = dict(x="m", w="")
params = ["w"]

def loss(xp, x, w, tap):
    h = tap("h", w * x)
    return xp.mean(tap("t", xp.tanh(h)) ** 2)

def gradients(x, w):
    odd = np.cos(3 * x) / x.size
    return dict(w=(odd * x).sum())
"""


@pytest.mark.parametrize(
    ("changes", "step"),
    [
        ([], "; return the gradients of h, t too: the first wrong step is then told"),
        (
            [("return dict(", "return dict(t=2 * np.tanh(w * x) / x.size, ")],
            "; return the gradients of h too: the first",
        ),
        ([("return dict(", "return dict(h=odd, t=2 * np.tanh(w * x) / x.size, ")], "dh is wrong"),
        (
            [("x, w, tap)", "x, w)"), ('tap("h", w * x)', "w * x"), ('tap("t", xp.tanh(h))', "xp.tanh(h)")],
            '; name intermediates in the loss, h = tap("h", ...), and return their gradients too: the first wrong',
        ),
    ],
)
def test_where_no_mistake_is_found_the_next_step_is(changes, step, tmp_path):
    source = TAPPED
    for old, new in changes:
        source = source.replace(old, new)
    diagnosis = check(written(tmp_path, source), oracles=False).gradients["w"].diagnosis
    assert diagnosis.kind == "unknown"
    assert step in diagnosis.text


@pytest.mark.parametrize(
    ("file", "right", "wrong", "said"),
    [
        ("logistic_regression", "(p - y) / m", "(p - y) * p * (1 - p) / m", "p (1 - p), the slope of the sigmoid of z"),
        (
            "softmax_cross_entropy",
            "(P - Y) / m",
            "(P - Y) * P * (1 - P) / m",
            "p (1 - p), the slope of the softmax of Z",
        ),
    ],
)
def test_a_slope_that_the_logarithm_has_cancelled_is_told(file, right, wrong, said, tmp_path):
    source = (GALLERY / f"{file}.py").read_text().replace(right, wrong)
    for gradient in check(written(tmp_path, source), oracles=False).gradients.values():
        assert gradient.diagnosis.kind == "wrong-derivative"
        assert f"multiplied by {said}, once too often" in gradient.diagnosis.text
