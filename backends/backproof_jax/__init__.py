"""The four models in JAX; `jax.grad` gives the gradients."""

from backproof_jax.backend import JaxBackend

backend = JaxBackend()

__all__ = ["JaxBackend", "backend"]
