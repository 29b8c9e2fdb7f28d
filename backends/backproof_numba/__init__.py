"""The reference equations, fused by Numba."""

from backproof_numba.backend import NumbaBackend

backend = NumbaBackend()

__all__ = ["NumbaBackend", "backend"]
