"""JAX with float64 switched off behind its backend's back, and honest about it only in its dtypes."""

import jax
import numpy as np

from backproof_jax.backend import JaxBackend


class X64Off(JaxBackend):
    name = "jax-x64-off"
    series = ("jit",)

    def __init__(self):
        super().__init__()
        jax.config.update("jax_enable_x64", False)

    def from_numpy(self, values, dtype, device):
        return jax.numpy.asarray(values, "float32" if dtype == "float64" else dtype)


class X64OffRelabelled(X64Off):
    name = "jax-x64-off-relabelled"

    def to_numpy(self, array):
        return np.asarray(array, "float64"), "float64"
