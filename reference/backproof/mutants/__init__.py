"""Deliberately wrong gradients: they measure what the conformance suite can catch."""

from backproof.mutants.backend import MutantsBackend

backend = MutantsBackend()

__all__ = ["MutantsBackend", "backend"]
