"""Faults that fused kernels and compiled descents have at other sizes, rates and layouts only.

Named as `tests.support.planted_kernels:NAME`; the names of descents are the keys of DESCENTS.
"""

import numpy as np
from tests.support.planted import numpy

from backproof.rounding.formats import FORMATS
from backproof_numpy.backend import NumpyBackend


class Descends(NumpyBackend):
    """The reference with what its descent is given passed through `change(data, learning_rate, steps)`."""

    def __init__(self, name, change):
        self.name, self.change = name, change

    def descend(self, model, series, params, data, learning_rate, steps):
        return super().descend(model, series, params, *self.change(data, learning_rate, steps))


def contiguous(data):
    """Strided views read as if they had no gaps."""
    bases = {name: a if a.flags.c_contiguous else a.base for name, a in data.items()}
    return {name: bases[name].ravel()[: a.size].reshape(a.shape) for name, a in data.items()}


def whole(data, block):
    """The examples without those after the last whole block."""
    return {name: a[:, : a.shape[1] // block * block or None] for name, a in data.items()}


def narrow(rate, dtype):
    return float(FORMATS[dtype].round(rate))


DESCENTS = {
    "rate_of_16th": lambda data, rate, steps: (data, 2.0**-4, steps),
    "rate_of_15th": lambda data, rate, steps: (data, 1 / 15, steps),
    "rate_of_24th": lambda data, rate, steps: (data, 1 / 24, steps),
    "rate_in_float32": lambda data, rate, steps: (data, narrow(rate, "float32"), steps),
    "rate_in_float16": lambda data, rate, steps: (data, narrow(rate, "float16"), steps),
    "three_steps": lambda data, rate, steps: (data, rate, 3),
    "five_steps": lambda data, rate, steps: (data, rate, 5),
    "no_strides": lambda data, rate, steps: (contiguous(data), rate, steps),
    "blocks_of_7_examples": lambda data, rate, steps: (whole(data, 7), rate, steps),
}


def cut(array, block, axis):
    """A copy with zeros after the last whole block along `axis`, where there is one."""
    array = np.copy(array)
    if whole_blocks := array.shape[axis] // block * block:
        np.moveaxis(array, axis, 0)[whole_blocks:] = 0
    return array


@numpy
def halves_beyond_512(model, params, data, gradients):
    return {name: g / 2 if data["y"].shape[1] > 512 else g for name, g in gradients.items()}


@numpy
def examples_in_blocks_of_128(model, params, data, gradients):
    kept = whole(data, 128)
    share = kept["y"].shape[1] / data["y"].shape[1]
    return {name: np.asarray(g * share, g.dtype) for name, g in model.gradients(**params, **kept).items()}


@numpy
def features_in_blocks_of_128(model, params, data, gradients):
    return {name: cut(g, 128, 1) if g.ndim == 2 else g for name, g in gradients.items()}


@numpy
def rows_in_blocks_of_24(model, params, data, gradients):
    return {name: cut(g, 24, 0) if name == "W1" else g for name, g in gradients.items()}


@numpy
def rows_in_blocks_of_32(model, params, data, gradients):
    return {name: cut(g, 32, 0) if name == "W1" else g for name, g in gradients.items()}


@numpy
def off_at_middle_weights(model, params, data, gradients):
    middle = 20 < max(np.abs(p).max() for p in params.values()) < 700
    return {name: g * g.dtype.type(1.01) if middle else g for name, g in gradients.items()}


def __getattr__(name):
    if name in DESCENTS:
        return Descends(name, DESCENTS[name])
    raise AttributeError(name)
