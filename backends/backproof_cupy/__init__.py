"""The reference equations on CuPy's arrays. Not registered, since few have it: `--backend backproof_cupy:backend`."""

from backproof_cupy.backend import CupyBackend

backend = CupyBackend()

__all__ = ["CupyBackend", "backend"]
