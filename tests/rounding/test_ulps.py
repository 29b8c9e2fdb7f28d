"""The constants of `rounding.ULPS`, held against the libraries here: none loses more units roundoff than stated."""

import jax
import numpy as np
import pytest
import torch

import backproof_jax
import backproof_torch
from backproof.models import sigmoid
from backproof.rounding.formats import FORMATS
from backproof.rounding.growth import ULPS

POINTS = 20_000
EXACT = {
    "exp": np.exp,
    "log": np.log,
    "sqrt": np.sqrt,
    "tanh": np.tanh,
    "log1p": np.log1p,
    "expm1": np.expm1,
    "sigmoid": lambda z: np.where(z >= 0, 1, np.exp(-np.abs(z))) / (1 + np.exp(-np.abs(z))),
}
LIBRARIES = {
    "numpy": {name: getattr(np, name, sigmoid) for name in EXACT},
    "torch": {name: getattr(torch, name) for name in EXACT},
    "jax": {name: jax.jit(getattr(jax.numpy, name, jax.nn.sigmoid)) for name in EXACT},
}
MAKERS = {"torch": backproof_torch.backend, "jax": backproof_jax.backend}


def computed(library, function, values, dtype):
    if library == "numpy":
        return LIBRARIES[library][function](values)
    backend = MAKERS[library]
    return backend.to_numpy(LIBRARIES[library][function](backend.from_numpy(values, dtype, "cpu")))[0]


@pytest.mark.parametrize("function", EXACT)
@pytest.mark.parametrize(
    ("library", "dtype"), [(lib, d) for lib in LIBRARIES for d in FORMATS if (lib, d) != ("numpy", "bfloat16")]
)
def test_functions_lose_no_more_than_stated(library, dtype, function):
    fmt, rng = FORMATS[dtype], np.random.default_rng(0)
    reach = min(80.0, np.log(fmt.huge) - 1)
    points = np.concatenate(
        [
            rng.uniform(-reach, reach, POINTS),
            rng.standard_normal(POINTS),
            1 + rng.standard_normal(POINTS) * 10.0 ** -rng.uniform(0, 6, POINTS),
            np.geomspace(1e-4, 1, POINTS) * rng.choice([-1, 1], POINTS),
        ]
    )
    if function in ("log", "log1p", "sqrt"):
        points = np.abs(points) + 1e-4
    values = np.asarray(fmt.round(points), fmt.numpy)
    exact = EXACT[function](values.astype(np.longdouble))
    error = np.abs(computed(library, function, values, dtype).astype(np.longdouble) - exact)
    lost = (error - fmt.tiny) / (fmt.u * np.abs(exact) + fmt.tiny)
    assert lost.max() <= ULPS[function], f"{float(lost.max()):.2f} units roundoff at {values[lost.argmax()]}"
