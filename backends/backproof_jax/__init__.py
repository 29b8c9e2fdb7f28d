"""The four models in JAX: `jax.grad`'s gradients, and as a control the hand-derived ones."""

from backproof_jax.backend import JaxBackend
from backproof_jax.loops import JaxLoops

backend = JaxLoops()

__all__ = ["JaxBackend", "JaxLoops", "backend"]
