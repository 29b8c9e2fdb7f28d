"""The reference equations as a backend."""

from backproof_numpy.backend import NumpyBackend

backend = NumpyBackend()

__all__ = ["NumpyBackend", "backend"]
