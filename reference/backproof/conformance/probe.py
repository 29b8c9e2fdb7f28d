"""Three evaluations that show whether a series computes in fewer bits than were asked for.

An error of the size of TF32's may be a mistake. Two things tell: on data of few bits, where every value on the way is
exact in 8 of them, narrow arithmetic is right and a mistake is not (`exact`). And where the truth needs all the bits
and every result is a single product, times powers of two, narrow arithmetic answers with numbers of its own format,
which wide arithmetic with a mistake does not (`full`): at two scales, since fixed point has as many bits at one only.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import count
from typing import Any

import numpy as np

from backproof.conformance.cells import Cell, Problem
from backproof.graph.tracing import trace
from backproof.hosting.evaluation import Evaluation, Failure, Task
from backproof.models import MODELS, Model
from backproof.rounding.formats import FORMATS, PRODUCTS, Format
from backproof.truth.certify import Truth, certify
from backproof.truth.exact import Undecided
from backproof.truth.quantities import Quantity
from backproof.truth.simulated import simulate

SHAPE = dict(n=3, m=8, k=5)  # m a power of two: 2 / m rounds nothing
NARROWER = (FORMATS["bfloat16"], PRODUCTS["tf32"], FORMATS["float32"])  # the narrowest first
SCALES = (1.0, 2.0**-4, 2.0**-9)  # of x
UNITS = 16  # of a format's unit roundoff: what a few operations in it may be off by
FOR_FILES = "two_layer_nonlinear"  # a user's derivation may not take our data; its series is asked for this

Arrays = dict[str, np.ndarray[Any, Any]]
Answered = list[tuple[Any, Quantity]]  # the values of each tensor, beside its truth


@dataclass(frozen=True)
class Shown:
    """The format in which a series was seen to compute: `throughout`, or factors of its products only."""

    fmt: Format
    throughout: bool


def probe_cell(cell: Cell) -> Cell:
    """The cell whose tasks are the probe of `cell`'s series: one for all cells of a model, dtype and device."""
    problem = cell.problem
    name = problem.model if problem.file is None else FOR_FILES
    dims = tuple((letter, SHAPE[letter]) for letter in MODELS[name].letters)
    algorithm = cell.algorithm if problem.file is None else None
    return replace(
        cell, problem=Problem(name, dims, "probe", problem.dtype), algorithm=algorithm, skip=None, by_hand=False
    )


def probe_tasks(cell: Cell) -> list[Task]:
    """The evaluations of a probe's cell."""
    problem = cell.problem
    return [Task(problem.model, cell.series, problem.dtype, cell.device, arrays) for arrays in _inputs(problem)]


def shown(cell: Cell, answers: Sequence[Evaluation | Failure]) -> Shown | None:
    """The narrower format that the answers to `probe_tasks(cell)` show; None where they show none."""
    evaluations = [answer for answer in answers if isinstance(answer, Evaluation)]
    if len(evaluations) < len(_inputs(cell.problem)):
        return None
    asked = FORMATS[cell.problem.dtype] if cell.matmul_precision is None else PRODUCTS[cell.matmul_precision]
    try:
        truths = _truths(cell.problem, cell.algorithm, cell.matmul_precision)
    except Undecided:
        return None
    answered = [_values(a, truth, cell.problem.dtype) for a, truth in zip(evaluations, truths, strict=True)]
    well_formed = [tensors for tensors in answered if tensors is not None]
    if len(well_formed) < len(answered) or not all(_within(values, quantity) for values, quantity in well_formed[0]):
        return None
    return next((s for fmt in NARROWER if fmt.digits < asked.digits and (s := _shown(well_formed[1:], fmt))), None)


def _shown(answered: Sequence[Answered], fmt: Format) -> Shown | None:
    """Whether answers to `full` are right or numbers of `fmt`, and at each scale some are such numbers of which the
    truth is none."""
    throughout = True
    for tensors in answered:
        held = [_held(values, quantity, fmt) for values, quantity in tensors]
        right = [_within(values, quantity) for values, quantity in tensors]
        needs_more = [not fmt.holds(_middle(quantity)).all() for _, quantity in tensors]
        if not all(np.logical_or(held, right)) or not any(np.logical_and(held, needs_more)):
            return None
        throughout &= all(held)
    return Shown(fmt, throughout)


def exact(model: Model) -> Arrays:
    """Arrays (float64) on which every value of the loss and its gradients is exact in every format of NARROWER."""
    traced = trace(model, {letter: SHAPE[letter] for letter in model.letters})
    for seed in count():
        arrays = _few_bits(model, np.random.default_rng(seed))
        wide = simulate(traced.roots, arrays, FORMATS["float64"])[0]
        narrow = [values for fmt in NARROWER for values in simulate(traced.roots, arrays, fmt)]
        if all(np.array_equal(values[node], wide[node]) for values in narrow for node in traced.roots):
            return arrays
    raise AssertionError  # `count` has no end


def full(model: Model, fmt: Format, scale: float = 1.0) -> Arrays:
    """Arrays (float64) whose examples are all the same, and of which every gradient is a single product.

    The last layer's weights are so small beside b and y that the residual is a power of two but for less than half a
    unit of any narrower format, above it: rounded or chopped it is that power. So the last layer's gradient is its
    activation cut to the narrow format. What multiplies x is exact in 8 bits, or x holds all the bits, but
    never both; and sigma is taken at points of all the bits.
    """
    rng, m, k = np.random.default_rng(int(1 / scale)), SHAPE["m"], SHAPE["k"]
    small, level = 2.0 ** (9 - fmt.digits), 2.0**6
    y = np.full((1, m), -level)
    x = scale * np.repeat(fmt.round(1 + rng.random((SHAPE["n"], 1))), m, axis=1)
    if model.name == "univariate":
        return {"x": x[:1], "y": y, "w": np.array(small), "b": np.array(level)}
    if model.name == "multivariate":
        return {"X": x, "y": y, "w": np.full((1, len(x)), small), "b": np.array(level)}
    W1, z = 2.0 ** rng.integers(-2, 2, (k, len(x))), fmt.round(rng.uniform(0.5, 2.5, (k, 1)))
    if model.name == "two_layer_nonlinear":
        x = scale * np.repeat([[1.0], [-0.5], [2.0]], m, axis=1)
        z *= (-1.0) ** np.arange(k)[:, None]
    b1 = fmt.round(z - W1 @ x[:, :1]) if model.name == "two_layer_nonlinear" else z
    w2 = small * 2.0 ** (np.arange(k)[None] % 3 - 1)
    return {"X": x, "y": y, "W1": W1, "b1": b1, "w2": w2, "b2": np.array(level)}


def _few_bits(model: Model, rng: np.random.Generator) -> Arrays:
    """A draw of small dyadic numbers. Before a sigmoid, W1 X + b1 = 0: no other value of it has few bits."""
    m = SHAPE["m"]
    X = rng.integers(-2, 3, (SHAPE["n"], m)) / 2
    arrays: Arrays = {"x": X[:1]} if "x" in model.shapes else {"X": X}
    for name in model.params:
        shape = model.shape(name, SHAPE)
        arrays[name] = np.asarray(rng.choice([-1.0, 1.0], shape) * 2.0 ** rng.integers(-1, 1, shape))
    if model.name == "two_layer_nonlinear":
        X[2] = 1 - X[0] + X[1]
        scales = arrays["W1"][:, :1]
        arrays["W1"], arrays["b1"] = scales * np.array([1.0, -1.0, 1.0]), -scales
    tapped: Arrays = {}
    model.loss(np, y=np.zeros((1, m)), tap=tapped.setdefault, **arrays)
    residuals = rng.choice([-2.0, -1.0, -0.5, 0.5, 1.0, 2.0], (1, m))
    return arrays | {"y": tapped["y_hat"] - residuals}


@cache
def _inputs(problem: Problem) -> list[Arrays]:
    model, fmt = MODELS[problem.model], FORMATS[problem.dtype]
    drawn = [exact(model), *(full(model, fmt, scale) for scale in SCALES)]
    return [{name: np.asarray(array, fmt.numpy) for name, array in arrays.items()} for arrays in drawn]


@cache
def _truths(problem: Problem, form: str | None, products: str | None) -> list[Truth]:
    model = MODELS[problem.model]
    return [certify(model, arrays, problem.dtype, form, products) for arrays in _inputs(problem)]


def _values(answer: Evaluation, truth: Truth, dtype: str) -> Answered | None:
    """Every tensor answered, beside its truth; None where one is missing, or has not its shape and dtype."""
    named = answer.named
    for name, quantity in truth.named.items():
        if name not in named or named[name][1] != dtype or named[name][0].shape != quantity.value.shape:
            return None
    return [(named[name][0].astype(np.float64), quantity) for name, quantity in truth.named.items()]


def _within(values: Any, quantity: Quantity) -> bool:
    return bool((np.abs(values - _middle(quantity)) <= quantity.likely).all())


def _held(values: Any, quantity: Quantity, fmt: Format) -> bool:
    """Every value is a number of the format, and as near to the truth as a few operations in it are."""
    near = np.abs(values - _middle(quantity)) <= UNITS * fmt.u * np.abs(_middle(quantity))
    return bool(near.all() and fmt.holds(values).all())


def _middle(quantity: Quantity) -> Any:
    return np.array(quantity.value, np.float64)
