"""A backend whose file cannot be imported: a text stands where a tuple is meant."""

from backproof import Series
from backproof_numpy import NumpyBackend


class Fast(NumpyBackend):
    name = "fast"
    series = (Series("fast", models="univariate"),)


backend = Fast()
