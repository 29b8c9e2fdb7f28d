"""The cells of the conformance matrix, and the data each is decided on."""

import itertools
import zlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from backproof.conformance.registry import Description
from backproof.models import MODELS
from backproof.models.model import Dims, Model
from backproof.truth.rounding import FORMATS

Arrays = dict[str, np.ndarray[Any, Any]]

# Pairwise distinct, none 1: a transpose, a mean over the wrong axis or a sum for a mean cannot hide.
DISTINCT = dict(n=3, m=7, k=5)
WIDE = dict(n=11, m=5, k=3)
TALL = dict(n=2, m=64, k=17)
DEGENERATE = (dict(n=3, m=1, k=5), dict(n=1, m=7, k=5), dict(n=3, m=7, k=1), dict(n=4, m=4, k=4))
LARGE = dict(n=31, m=509, k=23)
SETS = {
    "quick": (DISTINCT,),
    "default": (DISTINCT, WIDE, TALL, *DEGENERATE),
    "full": (DISTINCT, WIDE, TALL, *DEGENERATE, dict(n=1, m=1, k=1), LARGE),
}
DTYPES = ("float64", "float32")


@dataclass(frozen=True)
class Problem:
    """The inputs of a cell, whoever computes it: the cells of one problem share one truth."""

    model: str
    dims: tuple[tuple[str, int], ...]
    regime: str
    dtype: str
    seed: int = 0

    @property
    def shape(self) -> str:
        return "".join(f"{letter}{size}" for letter, size in self.dims)


@dataclass(frozen=True)
class Cell:
    """One place of the matrix. `skip` says why it cannot be run here, if it cannot."""

    problem: Problem
    backend: str
    series: str
    device: str
    skip: str | None = None

    @property
    def id(self) -> str:
        p = self.problem
        return f"{p.model}-{self.backend}:{self.series}-{p.dtype}-{self.device}-{p.shape}-{p.regime}"


def sample(problem: Problem) -> Arrays:
    """The problem's arrays: numbers of its dtype (of float32 where NumPy lacks it), the same at every call."""
    model, dims = MODELS[problem.model], dict(problem.dims)
    name = f"{problem.model} {problem.shape} {problem.regime}"
    rng = np.random.default_rng([problem.seed, zlib.crc32(name.encode())])
    arrays = REGIMES[problem.regime](model, dims, rng)
    fmt = FORMATS[problem.dtype]
    return {key: fmt.round(array).astype(fmt.numpy) for key, array in arrays.items()}


def normal(model: Model, dims: Dims, rng: np.random.Generator) -> Arrays:
    """Standard normal data; weights scaled by 1/sqrt(fan-in), so that every layer's values are of order 1."""
    arrays = {name: rng.standard_normal(model.shape(name, dims)) for name in model.shapes}
    for name in model.params:
        fan_in = arrays[name].shape[-1] if arrays[name].ndim else 1
        arrays[name] = arrays[name] / np.sqrt(fan_in)
    return arrays


REGIMES: dict[str, Callable[[Model, Dims, np.random.Generator], Arrays]] = {"normal": normal}


def problems(models: Sequence[str], dtypes: Sequence[str], cells: str, seed: int) -> list[Problem]:
    """The problems of a set of cells; shapes that agree in a model's own letters are one."""
    found: dict[Problem, None] = {}
    for name, shape, dtype in itertools.product(models, SETS[cells], dtypes):
        dims = tuple((letter, shape[letter]) for letter in MODELS[name].letters)
        found[Problem(name, dims, "normal", dtype, seed)] = None
    return list(found)


def plan(problems: Iterable[Problem], backends: Sequence[Description], devices: Sequence[str]) -> list[Cell]:
    """Every problem on every series and device of the backends; a device that a backend lacks here is a skip."""
    return [
        Cell(problem, backend.name, series, device, _why_not(backend, device))
        for backend, problem in itertools.product(backends, problems)
        if problem.dtype in backend.dtypes
        for series in backend.series
        for device in devices
    ]


def _why_not(backend: Description, device: str) -> str | None:
    if device in backend.devices:
        return None
    return f"{backend.name} finds no {device} device here (it has {', '.join(backend.devices)})"
