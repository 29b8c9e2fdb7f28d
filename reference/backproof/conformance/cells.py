"""The cells of the conformance matrix, and the data each is decided on."""

import itertools
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np

from backproof.conformance.regimes import REGIMES, Arrays
from backproof.conformance.relations import RELATIONS
from backproof.conformance.trajectories import TRAJECTORIES
from backproof.conformance.user_model import UserModel, key
from backproof.hosting.registry import Description
from backproof.hosting.series import Series
from backproof.models import MODELS
from backproof.models.model import Dims, Model
from backproof.rounding.formats import FORMATS

# Pairwise distinct, none 1: a transpose, a mean over the wrong axis or a sum for a mean cannot hide.
DISTINCT = dict(n=3, m=7, k=5)
WIDE = dict(n=11, m=5, k=3)
TALL = dict(n=2, m=64, k=17)
PRIMES = dict(n=13, m=29, k=11)
DEGENERATE = (dict(n=3, m=1, k=5), dict(n=1, m=7, k=5), dict(n=3, m=7, k=1), dict(n=4, m=4, k=4), dict(n=1, m=1, k=1))
LARGE = dict(n=31, m=509, k=23)

# One size is more than most kernels take at once, and prime: part of a block is left over. Of the columns of W1; of the
# examples (of so many, a network is beyond `tiles.SMALL`, too); of the hidden units. Rounding in SHORT hides all there.
BROAD = dict(n=137, m=5, k=3)
LONG = dict(n=3, m=1031, k=7)
DEEP = dict(n=3, m=7, k=67)
LONGER, BROAD_AND_DEEP = dict(n=2, m=2053, k=3), dict(n=67, m=7, k=71)

USUAL, SHORT = ("float64", "float32"), ("bfloat16", "float16")
DEPARTURES = tuple(name for name in (*REGIMES, *RELATIONS, *TRAJECTORIES) if name != "normal")


@dataclass(frozen=True)
class Block:
    """A part of a set of cells: these shapes, in these regimes, in these dtypes."""

    shapes: Sequence[Dims]
    regimes: Sequence[str] = ("normal",)
    dtypes: Sequence[str] = USUAL


SETS = {
    "quick": (Block([DISTINCT]),),
    "default": (
        Block([DISTINCT, BROAD, LONG, DEEP, *DEGENERATE]),
        Block([DISTINCT], DEPARTURES),
        Block([LONG], ["steps3-strided"]),
        Block([DISTINCT, TALL], dtypes=SHORT),
    ),
    "full": (
        Block([DISTINCT, WIDE, TALL, PRIMES, *DEGENERATE, LARGE], dtypes=USUAL + SHORT),
        Block([BROAD, LONG, DEEP, LONGER, BROAD_AND_DEEP]),
        Block([LONG], list(TRAJECTORIES)),
        Block([DISTINCT, TALL, DEGENERATE[0], DEGENERATE[3]], DEPARTURES, USUAL + SHORT),
    ),
}


@dataclass(frozen=True)
class Problem:
    """The inputs of a cell, whoever computes it: the cells of one problem share one truth.

    `regime` names a regime of the data, a metamorphic relation, or a trajectory; the latter two start from `normal`
    data. A user's derivation comes with its `file`.
    """

    model: str
    dims: tuple[tuple[str, int], ...]
    regime: str
    dtype: str
    seed: int = 0
    file: UserModel | None = None

    @property
    def shape(self) -> str:
        return "".join(f"{letter}{size}" for letter, size in self.dims) or "scalars"

    @property
    def subject(self) -> Model:
        """The model itself; of a file, one whose loss makes nodes only."""
        return MODELS[self.model] if self.file is None else self.file.model


@dataclass(frozen=True)
class Cell:
    """One place of the matrix. `skip` says why it cannot be run here, if it cannot."""

    problem: Problem
    backend: str
    series: str
    device: str
    skip: str | None = None
    algorithm: str | None = None  # of `models.algorithms`, whose bounds the series has
    matmul_precision: str | None = None  # of `formats.PRODUCTS`, what its products of matrices take in
    by_hand: bool = False  # the gradients are a user's own, of an algebra that no bound of ours covers

    @property
    def id(self) -> str:
        p = self.problem
        return f"{p.model}-{self.backend}:{self.series}-{p.dtype}-{self.device}-{p.shape}-{p.regime}"


@cache
def inputs(problem: Problem) -> Arrays:
    """The problem's arrays: numbers of its dtype (of float32 where NumPy lacks it), the same at every call."""
    fmt = FORMATS[problem.dtype]
    if problem.file is not None:
        arrays = problem.file.arrays(problem.dims, problem.regime)
    else:
        regime = problem.regime if problem.regime in REGIMES else "normal"
        rng = np.random.default_rng([problem.seed, zlib.crc32(f"{problem.model} {problem.shape}".encode())])
        arrays = REGIMES[regime].make(problem.subject, dict(problem.dims), rng, fmt)
    return {key: np.asarray(fmt.round(array), fmt.numpy) for key, array in arrays.items()}


def problems(models: Sequence[str], dtypes: Sequence[str], cells: str, seed: int) -> list[Problem]:
    """The problems of a set of cells, in `dtypes` (if empty, in those of the set).

    Shapes that agree in a model's own letters are one; regimes keep to the models and dtypes they suit.
    """
    found: dict[Problem, None] = {}
    for block in SETS[cells]:
        for name, shape, regime, dtype in itertools.product(
            models, block.shapes, block.regimes, dtypes or block.dtypes
        ):
            dims = tuple((letter, shape[letter]) for letter in MODELS[name].letters)
            if _suits(regime, name, shape, dtype):
                found[Problem(name, dims, regime, dtype, seed)] = None
    return list(found)


def file_problems(file: UserModel, dtypes: Sequence[str], cells: str, seed: int) -> list[Problem]:
    """The problems of a user's derivation: the same three sets, of the shapes, draws and departures that suit it."""
    first, departures = file.shapes[:1], [*file.regimes(), "repeated", *TRAJECTORIES]
    blocks = {
        "quick": (Block(first),),
        "default": (Block(file.shapes), Block(first, departures), Block(first, dtypes=SHORT)),
        "full": (Block(file.shapes, departures, USUAL + SHORT),),
    }
    places = (
        Problem(file.model.name, key(shape), regime, dtype, seed, file)
        for block in blocks[cells]
        for shape, regime, dtype in itertools.product(block.shapes, block.regimes, dtypes or block.dtypes)
    )
    return list(dict.fromkeys(places))


def _suits(regime: str, name: str, shape: Dims, dtype: str) -> bool:
    model = MODELS[name]
    if regime in RELATIONS:
        return RELATIONS[regime].models(model) and (regime != "microbatches" or shape["m"] >= 3)
    return regime in TRAJECTORIES or REGIMES[regime].suits(model, FORMATS[dtype])


def affordable(problem: Problem, cells: str) -> bool:
    """Whether a series that compiles every shape for seconds, and the first one longer, runs this problem."""
    if problem.file is not None:
        return cells == "full"
    distinct = all(DISTINCT[letter] == size for letter, size in problem.dims)
    extremes = problem.subject.has_one_feature or not problem.subject.is_linear
    usual = distinct and extremes and (problem.regime, problem.dtype) == ("normal", "float32")
    return {"quick": False, "default": usual, "full": True}[cells]


def plan(
    problems: Iterable[Problem], backends: Sequence[Description], devices: Sequence[str], cells: str = "full"
) -> list[Cell]:
    """Every problem on every series and device of the backends that are for it; what is lacking here is a skip."""
    return [
        Cell(
            problem,
            backend.name,
            series.name,
            device,
            _why_not(backend, series, device),
            None if problem.file else series.algorithm,
            series.matmul_precision,
            problem.file is not None and series.derivations == "gradients",
        )
        for backend, problem in itertools.product(backends, problems)
        for series in backend.series
        if backend.offers(series, problem.model, problem.dtype, problem.file is not None)
        if not series.slow_to_compile or affordable(problem, cells)
        for device in devices
        if device in (series.devices or (device,))
    ]


def _why_not(backend: Description, series: Series, device: str) -> str | None:
    if device not in backend.devices:
        return f"{backend.name} finds no {device} device here (it has {', '.join(backend.devices)})"
    return series.unavailable and f"{backend.name}:{series.name}: {series.unavailable}"
