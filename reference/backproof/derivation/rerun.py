"""A user's function run again, as a request asks for it; in the user's process."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from backproof.core.errors import InputError
from backproof.derivation.ball_arrays import Exact, run_exactly
from backproof.derivation.ball_arrays.array import BallArray, is_ball_array
from backproof.derivation.evidence import Request
from backproof.hosting.layouts import LAYOUTS
from backproof.models.user_file import Arrays, Derivation
from backproof.truth.balls import balls

Run = Callable[..., Mapping[str, Any]]


def run(derivation: Derivation, request: Request) -> dict[str, Any]:
    """The values by name."""
    return {str(name): value for name, value in _function(derivation, request)(**_arrays(request)).items()}


def exact(derivation: Derivation, request: Request, bits: int, seconds: float) -> dict[str, Exact]:
    """The values by name, with the balls of their exact values. Raises InputError where it cannot be followed."""
    return run_exactly(_function(derivation, request), lambda: _arrays(request), bits, seconds)


def _arrays(request: Request) -> Arrays:
    """Arrays of their own for every run: the file may write to them."""
    lay_out = LAYOUTS[request.layout]
    return {name: lay_out(np.array(value, request.dtype)) for name, value in request.arrays.items()}


def _function(derivation: Derivation, request: Request) -> Run:
    gradients = derivation.hand(request.function)
    return _descent(gradients, derivation.model.params, request) if request.steps else gradients


def _descent(gradients: Run, params: tuple[str, ...], request: Request) -> Run:
    """The parameters after the steps, as `NumpyBackend.descend` takes them."""
    rate = request.learning_rate
    exact_rate = BallArray(rate, balls(rate))  # no constant of the user's, whose last bits might be rounding

    def descend(**arrays: Any) -> dict[str, Any]:
        for _ in range(request.steps):
            found = gradients(**arrays)
            if not isinstance(found, Mapping):
                raise InputError("gradients returns no dict")
            for name in params:
                followed = is_ball_array(found[name]) or is_ball_array(arrays[name])
                arrays[name] = arrays[name] - (exact_rate if followed else rate) * found[name]
        return {name: arrays[name] for name in params}

    return descend
