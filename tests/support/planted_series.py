"""Backends that state facts of their series, some of them wrong ones; as `tests.support.planted_series:NAME`."""

from backproof import Series
from backproof_numpy import NumpyBackend


class Own(NumpyBackend):
    name = "own"
    series = (
        "all",
        Series("slow", slow_to_compile=True),
        Series("narrow", models=("univariate",), devices=("cpu",), dtypes=("float32",), matmul_precision="tf32"),
        Series("sums", algorithm="moments"),
        Series("absent", devices=("cpu",), dtypes=("float32",), unavailable="no licence"),
    )


class Kept(NumpyBackend):
    """A parent's series beside a name."""

    name = "kept"
    series = (*NumpyBackend.series, "another")


class WhenMade(NumpyBackend):
    def __init__(self):
        self.series = (Series("fast", dtypes=("half",)),)


class WhenAsked(NumpyBackend):
    @property
    def series(self):
        return (Series("fast", algorithm="moment"),)


when_made, when_asked = WhenMade, WhenAsked
