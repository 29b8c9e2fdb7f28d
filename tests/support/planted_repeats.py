"""Backends that answer further calls on the same arrays differently, as `tests.support.planted_repeats:Repeats`."""

import numpy as np

from backproof_numpy.backend import NumpyBackend


def gradients(change):
    def spoil(loss, output, g):
        return loss, output, {name: change(value) for name, value in g.items()}

    return spoil


def raises(loss, output, g):
    raise RuntimeError("buffer was freed")


SPOILT = {
    "doubled": gradients(lambda g: 2 * g),
    "nan": gradients(lambda g: g * np.asarray(g).dtype.type(np.nan)),
    "inf": gradients(lambda g: g + np.asarray(g).dtype.type(np.inf)),
    "zeros": gradients(np.zeros_like),
    "shape": gradients(np.ravel),
    "dtype": gradients(lambda g: np.asarray(g, "float16")),
    "loss": lambda loss, output, g: (loss + np.asarray(loss).dtype.type(1), output, g),
    "output": lambda loss, output, g: (loss, -output, g),
    "missing": lambda loss, output, g: (loss, output, dict(list(g.items())[1:])),
    "bits": lambda loss, output, g: (np.nextafter(loss, loss + 1), output, g),
    "raises": raises,
}


class Repeats(NumpyBackend):
    """Series `WHAT-N`: the N-th call running on the same values is spoilt."""

    name = "repeats"
    series = tuple(f"{what}-{call}" for what in SPOILT for call in (2, 3, 4))
    derivations = {}  # noqa: RUF012
    last, count = None, 0

    def evaluate(self, model, series, params, data):
        answer = super().evaluate(model, "reference", params, data)
        key = (model.name, series, *(np.asarray(a).tobytes() for a in (*params.values(), *data.values())))
        self.count = self.count + 1 if key == self.last else 1
        self.last = key
        what, call = series.split("-")
        return SPOILT[what](*answer) if self.count == int(call) else answer


class Accumulates(NumpyBackend):
    """Adds to the gradient of the same array, as `.grad` of a leaf: another array of the same values starts afresh."""

    name = "accumulates"
    derivations = {}  # noqa: RUF012

    def __init__(self):
        self.kept = {}

    def evaluate(self, model, series, params, data):
        loss, output, g = super().evaluate(model, series, params, data)
        for name, leaf in params.items():
            kept, total = self.kept.get(name, (None, 0))
            g[name] = g[name] + total if kept is leaf else g[name]
            self.kept[name] = leaf, g[name]
        return loss, output, g


class Flaky(NumpyBackend):
    """One call in five loses the gradients."""

    name = "flaky"
    derivations = {}  # noqa: RUF012

    def __init__(self):
        self.rng = np.random.default_rng(0)

    def evaluate(self, model, series, params, data):
        loss, output, g = super().evaluate(model, series, params, data)
        return loss, output, {k: 0 * v for k, v in g.items()} if self.rng.random() < 0.2 else g


class StatefulDescent(NumpyBackend):
    """A descent goes on from where the one before ended."""

    name = "stateful-descent"
    derivations = {}  # noqa: RUF012
    last = None

    def descend(self, model, series, params, data, learning_rate, steps):
        key = tuple(np.asarray(a).tobytes() for a in (*params.values(), *data.values()))
        start = self.last[1] if self.last and self.last[0] == key else params
        end = super().descend(model, series, start, data, learning_rate, steps)
        self.last = key, end
        return end
