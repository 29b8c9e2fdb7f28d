"""`check` where slices are empty at some of the sizes that are sampled: n is 3, 5 and 2."""

import pytest
from tests.support.derivations import written

from backproof import InputError
from backproof.derivation.check import check

FILE = """
import numpy as np

shapes = dict(x="n", b="")
params = ["x", "b"]

def loss(xp, x, b):
    {loss}

def gradients(x, b):
    n, g, db = len(x), np.zeros_like(x), np.zeros(())
    {gradients}
    return dict(x=g, b=db)
"""
RIGHT = {  # the loss, and what of the gradients is added to zeros
    "a tail": ("return b * xp.sum(x[2:] ** 2)", "g[2:] = 2 * b * x[2:]; db += (x[2:] ** 2).sum()"),
    "nothing at any size": ("return b * b + xp.sum(x[:0]) * b + x[0]", "g[0] = 1; db += 2 * b"),
    "an empty middle": (
        "return b * xp.sum(xp.exp(x[1:-1])) + xp.sum(x)",
        "e = np.exp(x[1:-1]); g += 1; g[1:-1] += b * e; db += e.sum()",
    ),
    "windows": (
        "return b * sum(xp.sum(x[k:] * x[:-k]) for k in (1, 2))",
        "for k in (1, 2): a, c = x[k:], x[:-k]; g[k:] += b * c; g[:-k] += b * a; db += a @ c",
    ),
    "parts of a concatenation": (
        "return xp.sum(xp.concat([x[2:], b * x[:1], x[3:]]) ** 3)",
        "g[2:] += 3 * x[2:] ** 2; g[3:] += 3 * x[3:] ** 2; g[0] += 3 * b**3 * x[0] ** 2; db += 3 * b**2 * x[0] ** 3",
    ),
    "a product": (
        "return b * xp.sum(xp.reshape(x[2:], (1, -1)) @ xp.reshape(x[2:], (-1, 1)))",
        "g[2:] = 2 * b * x[2:]; db += x[2:] @ x[2:]",
    ),
    "an outer product": (
        "return b * xp.sum(x[2:, None] @ x[None, 3:])",
        "g[2:] += b * x[3:].sum(); g[3:] += b * x[2:].sum(); db += x[2:].sum() * x[3:].sum()",
    ),
    "choices": (
        "t = x[2:]; return b * xp.sum(xp.where(t > 0, t, -t * t)) + xp.sum(abs(x[3:])) + xp.sum(xp.maximum(t, 0))",
        "t = x[2:]; g[2:] = b * np.where(t > 0, 1, -2 * t) + (t > 0); g[3:] += np.sign(x[3:]);"
        "db += np.where(t > 0, t, -t * t).sum()",
    ),
    "maxima and means of no rows": (
        "t = x[2:, None] * x[None, :]; return b * xp.sum(xp.max(t, axis=1) + xp.mean(t, axis=1))",
        "t = np.outer(x[2:], x); p = (t == t.max(axis=1, keepdims=True)) + 1 / n;"
        "g[2:] += b * p @ x; g += b * x[2:] @ p; db += (t * p).sum()",
    ),
    "a variance of one value": (
        "return b * xp.var(x[1:]) + x[0]",
        "d = x[1:] - x[1:].mean(); g[0] = 1; g[1:] = 2 * b * d / (n - 1); db += d @ d / (n - 1)",
    ),
    "a loop over no rows": (
        "return b * sum((row**2 for row in x[2:]), x[0] * 1)",
        "g[0] = b; g[2:] = 2 * b * x[2:]; db += x[0] + x[2:] @ x[2:]",
    ),
}
WRONG = {
    "a tail": ("g[2:] = 2 *", "g[2:] = 1 *", "factor"),
    "nothing at any size": ("2 * b", "2 * b + 1", None),
    "an empty middle": ("g[1:-1] += b * e", "g[1:-1] += e", None),
    "a product": ("x[2:] @ x[2:]", "x[2:].sum()", None),
    "choices": ("-2 * t", "-t", None),
    "parts of a concatenation": ("g[3:] += 3 * x[3:] ** 2;", "", None),
    "a loop over no rows": ("g[2:] = 2 *", "g[2:] = 0 *", None),
}
REFUSED = {
    "xp.max(x[2:])": r"max: an array of shape \(0,\) has no values along axis 0",
    "xp.min(x[:0])": r"min: an array of shape \(0,\) has no values along axis 0",
    "xp.max(x[:, None] * x[2:], axis=1)[0]": r"max: an array of shape \(2, 0\) has no values along axis 1",
    "xp.mean(x[2:])": r"mean: an array of shape \(0,\) has no values along axis 0",
    "x[2:].mean()": r"mean: an array of shape \(0,\) has no values along axis 0",
    "xp.var(x[2:])": r"var: an array of shape \(0,\) has no values along axis 0, where the correction is 0",
    "xp.std(x[1:], correction=1)": r"std: an array of shape \(1,\) has 1 value along axis 0, where the correction is 1",
    "xp.sum(xp.stack([2 * row for row in x[2:]]))": "stack: there is no array to join",
    "xp.sum(xp.concat([2 * row[None] for row in x[2:]]))": "concat: there is no array to join",
}


def _checked(folder, loss, gradients):
    return check(written(folder, FILE.format(loss=loss, gradients=gradients)), oracles=False)


@pytest.mark.parametrize("what", RIGHT)
def test_a_right_file_passes(what, tmp_path):
    result = _checked(tmp_path, *RIGHT[what])
    assert result.verdict == "pass"
    assert {name: gradient.verdict for name, gradient in result.gradients.items()} == {"x": "pass", "b": "pass"}


@pytest.mark.parametrize("what", WRONG)
def test_a_wrong_file_fails(what, tmp_path):
    right, wrong, kind = WRONG[what]
    loss, gradients = RIGHT[what]
    assert right in gradients
    result = _checked(tmp_path, loss, gradients.replace(right, wrong))
    assert result.verdict == "fail"
    diagnosed = {gradient.diagnosis.kind for gradient in result.gradients.values() if gradient.diagnosis}
    assert diagnosed
    assert kind in (*diagnosed, None)


@pytest.mark.parametrize("expression", REFUSED)
def test_what_has_no_value_is_refused_with_its_name_line_and_sizes(expression, tmp_path):
    with pytest.raises(InputError, match=rf"line 8, in loss: {REFUSED[expression]} \(at n = [23]\)$"):
        _checked(tmp_path, f"return b * {expression}", "pass")


def test_an_intermediate_that_is_empty_at_some_sizes_is_judged_at_the_others(tmp_path):
    source = """
import numpy as np

shapes = dict(x="n")
params = ["x"]

def loss(xp, x, tap):
    return xp.sum(tap("z", x[2:] ** 2) ** 2) + xp.sum(tap("none", x[:0])) + x[0]

def gradients(x):
    z, g = x[2:] ** 2, np.zeros_like(x)
    g[0], g[2:] = 1, 4 * z * x[2:]
    return dict(x=g, z=2 * z, none=x[:0])
"""
    verdicts = {name: g.verdict for name, g in check(written(tmp_path, source), oracles=False).gradients.items()}
    assert verdicts == {"x": "pass", "z": "pass", "none": "inconclusive"}
    wrong = written(tmp_path, source.replace("z=2 * z", "z=z"))
    assert check(wrong, oracles=False).gradients["z"].diagnosis.factor == "1/2"
