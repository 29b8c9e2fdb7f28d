"""Derivation files for the tests: the sigmoid network's, with mistakes written into its source."""

from pathlib import Path

from backproof import models
from backproof.derivation.check import check

NETWORK = Path(models.__file__).parent / "two_layer_nonlinear.py"
GALLERY = Path(__file__).parents[2] / "examples" / "derivations"

LINEAR = """
shapes = dict(X="n m", y="1 m", w="1 n", b="")
params = ["w", "b"]

def loss(xp, X, y, w, b):
    return xp.mean((w @ X + b - y) ** 2)

def gradients(X, y, w, b):
    m = X.shape[1]
    delta = 2 / m * (w @ X + b - y)
    return dict(w=delta @ X.T, b=delta.sum())
"""


def network(folder, *changes):
    """The network's file with (old, new) pieces of source exchanged."""
    return written(folder, exchanged(NETWORK.read_text(), *changes))


def linear(folder, *changes):
    return written(folder, exchanged(LINEAR, *changes))


def exchanged(source, *changes):
    for old, new in changes:
        assert old in source, old
        source = source.replace(old, new)
    return source


def written(folder, source, name="mine.py"):
    path = folder / name
    path.write_text(source)
    return str(path)


def kinds(path, **options):
    """The kinds of the wrong gradients' diagnoses, by name."""
    result = check(path, oracles=False, **options)
    return {name: g.diagnosis.kind for name, g in result.gradients.items() if g.diagnosis}
