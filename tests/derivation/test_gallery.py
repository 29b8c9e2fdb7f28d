"""Every derivation of the gallery is right, and its classic mistake is caught and named."""

import pytest
from tests.support.derivations import GALLERY

from backproof import assert_derivation
from backproof.derivation.check import check

# file: the wrong gradients of its `wrong_gradients`, each with kind and a piece of the text
MISTAKES = {
    "attention": dict.fromkeys(("Q", "K", "S"), ("missing-term", "`xp.sum(E, axis=1, keepdims=True)`")),
    "batch_norm": {"X": ("missing-term", "xp.sqrt(var + eps)")},
    "gelu_layer": dict.fromkeys(("W", "b"), ("missing-term", "`1 + T` in `Z * (1 + T)`")),
    "huber_regression": dict.fromkeys(("w", "b"), ("missing-derivative", "the sign of r")),
    "layer_norm": {"X": ("missing-term", "through mu in D")},
    "logistic_regression": dict.fromkeys(("w", "b"), ("factor", "-1")),
    "matrix_factorisation": dict.fromkeys(("U", "V"), ("missing-derivative", "`M * R**2` by `R**2`")),
    "relu_layer": dict.fromkeys(("W", "b", "Z"), ("missing-derivative", "between A and Z")),
    "residual_block": {"X": ("missing-term", "through X in Y")},
    "ridge_regression": {"w": ("missing-term", "`lam * xp.sum(w**2)`")},
    "rnn": {"U": ("stale-value", "another step")},
    "softmax_cross_entropy": dict.fromkeys(("W", "b"), ("missing-term", "xp.sum(Y * Z")),
}


def test_every_file_is_listed():
    assert sorted(MISTAKES) == sorted(path.stem for path in GALLERY.glob("*.py"))


@pytest.mark.parametrize("name", MISTAKES)
def test_the_derivation_is_right(name):
    assert_derivation(GALLERY / f"{name}.py")


@pytest.mark.parametrize("name", MISTAKES)
def test_the_classic_mistake_is_caught_and_named(name):
    result = check(str(GALLERY / f"{name}.py"), oracles=False, hand="wrong_gradients")
    found = {n: g.diagnosis for n, g in result.gradients.items() if g.verdict == "fail"}
    assert {n: d.kind for n, d in found.items()} == {n: kind for n, (kind, _) in MISTAKES[name].items()}
    for n, (_, piece) in MISTAKES[name].items():
        assert piece in found[n].text
