"""The reference equations as a backend, plain and as hot loops."""

from backproof_numpy.backend import NumpyBackend
from backproof_numpy.loops import NumpyLoops

backend = NumpyLoops()

__all__ = ["NumpyBackend", "NumpyLoops", "backend"]
