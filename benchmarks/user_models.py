"""A user's derivation in the benchmarks: its sizes, arrays and learning rate, and the certified end of a few steps.

The file's code runs in processes of its own and in the backends' workers, never here.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

import numpy as np

from backproof.conformance.user_model import Key, UserModel
from backproof.core.errors import InputError
from backproof.models.model import Dims, Model
from backproof.truth.balls import middles
from backproof.truth.certify import certify, certify_descent
from backproof.verdicts.judgement import Judgement, Verdict, judge
from benchmarks.found import Found

SIZES = ({"m": 64}, 8), ({"m": 1024}, 16)  # examples, and what every other letter is
LARGEST = 2**16  # numbers in all arrays: their truth is of balls, a million operations a second
MOVE = 1e-5  # of the parameters' norm, that a step moves: thousands of steps stay near, and one is far above rounding


@cache
def _opened(path: str, dims: Key) -> UserModel:
    """Traced at these sizes; at the small ones of the matrix where there are none."""
    return UserModel.open(path, at=lambda model: [dict(dims)]) if dims else UserModel.open(path)


def letters(path: str) -> tuple[str, ...]:
    """The letters of its shapes. Raises InputError where the file is at fault."""
    return _opened(path, ()).model.letters


def sizes(letters: tuple[str, ...]) -> list[Dims]:
    """What it is timed at, where nobody says."""
    return [{letter: known.get(letter, size) for letter in letters} for known, size in SIZES]


def data_size(path: str, dims: Key) -> int:
    """Numbers in the arrays that are no parameters."""
    model = _opened(path, dims).model
    return sum(int(np.prod(model.shape(name, dict(dims)))) for name in model.data)


def check(path: str, dims: Key) -> None:
    """Raises InputError where the sizes are too large for a certified truth, or the file does not run at them."""
    model = _opened(path, ()).model
    count = sum(int(np.prod(model.shape(name, dict(dims)))) for name in model.shapes)
    if count > LARGEST:
        raise InputError(f"{path}: {count} numbers at this --shape; its steps can be verified up to {LARGEST}")
    _opened(path, dims)


@cache
def start(path: str, dims: Key) -> tuple[Model, dict[str, Any], float]:
    """The model, traced; its arrays, numbers of float32; and the learning rate. Raises InputError where there is
    nothing to descend along."""
    user = _opened(path, dims)
    arrays = {name: np.asarray(a, np.float32) for name, a in user.arrays(dims, "normal").items()}
    truth = certify(user.model, arrays, "float64")
    slope = np.sqrt(sum(float((middles(q.value) ** 2).sum()) for q in truth.gradients.values()))
    norm = np.sqrt(sum(float((arrays[name].astype(np.float64) ** 2).sum()) for name in user.model.params))
    if not 0 < slope < np.inf:
        raise InputError(f"{path}: its gradient is {slope} at the start; there is no descent to time")
    return user.model, arrays, float(MOVE * norm / slope)


class Certified:
    """The parameters after a few steps, as certified balls with their rounding bounds."""

    def __init__(self, path: str, dims: Key, dtype: str, steps: int) -> None:
        model, arrays, rate = start(path, dims)
        self.dtype, self.steps = dtype, steps
        self.ends = certify_descent(model, arrays, dtype, rate, steps)

    def check(self, ends: Mapping[str, Any], moments: bool) -> Found:
        """Whether every parameter passes, as in the matrix; error and bound at the worst."""
        judged = {n: judge(ends[n], ends[n].dtype.name, quantity, self.dtype) for n, quantity in self.ends.items()}
        ratios = [(j.error / j.bound, j.error, j.bound) for j in judged.values() if j.error is not None and j.bound]
        _, error, bound = max(ratios, default=(0.0, float("nan"), float("nan")))
        when = f"after {self.steps} step{'s' * (self.steps > 1)}"
        reasons = [_reason(f"{name} {when}", j) for name, j in judged.items() if j.verdict is not Verdict.PASS]
        return Found(not reasons, error, bound, "; ".join(reasons) or None)


def _reason(what: str, judgement: Judgement) -> str:
    told = f"{what}: {judgement.reason or judgement.verdict.value}"
    if judgement.error is None or judgement.bound is None:
        return told
    at = f"at {list(map(int, judgement.worst_index))} " if judgement.worst_index else ""
    return f"{told}: {at}off by {judgement.error:.2g}, its bound is {judgement.bound:.2g}"
