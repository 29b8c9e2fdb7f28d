"""Choices that no sample makes are told: what is wrong on their other side passes."""

import pytest
from tests.support.derivations import written

from backproof.derivation.check import check

CHOICES = {  # the loss and its gradient by w, as far as it was thought of; what is said
    "a constant loss": ("xp.sum(xp.maximum(w - 100, 0.0))", "1.0 * (w > 100)", ["`xp.maximum(w - 100, 0.0)`"]),
    "a clip": (
        "xp.sum(xp.clip(w, 0.0, 60.0))", "1.0 * (w > 0)", ["the maximum inside `xp.clip(w, 0.0, 60.0)`"]
    ),
    "a where": ("xp.sum(xp.where(w > 100, w, 3 * w))", "3 + 0 * w", ["`xp.where(w > 100, w, 3 * w)`"]),
    "both sides": ("xp.sum(xp.maximum(w, 0.0)) + xp.sum(xp.abs(w))", "1.0 * (w > 0) + 1 - 2 * (w < 0)", []),
    "no way to the parameter": ("xp.sum(w) + xp.sum(xp.maximum(x - 100, 0.0))", "1 + 0 * w", []),
}  # fmt: skip


@pytest.mark.parametrize("what", CHOICES)
def test_a_side_that_is_never_taken_is_told(what, tmp_path):
    loss, gradient, said = CHOICES[what]
    source = f"""
shapes = dict(w="n", x="m")
params = ["w"]

def loss(xp, w, x):
    return {loss}

def gradients(w):
    return dict(w={gradient})
"""
    result = check(written(tmp_path, source), oracles=False)
    assert result.verdict == ("inconclusive" if what == "a constant loss" else "pass")
    assert len(result.notes) == len(said)
    for note, name in zip(result.notes, said, strict=True):
        assert note.startswith(f"only one side of {name} (the ")
        assert note.endswith("the other is not checked; let `sample` draw both")
