"""The four models in JAX: `jax.grad`'s gradients, and as a control the hand-derived ones."""

from backproof_jax.backend import JaxBackend

backend = JaxBackend()

__all__ = ["JaxBackend", "backend"]
