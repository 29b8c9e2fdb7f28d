"""No time without verification: the parameters after the timed steps, against the plain equations.

A few steps are compared with `extended.descend`, whose own error is thousands of times smaller than float64's; all the
timed ones, where they are more, with `numpy:reference` in float64, whose bound then adds.

The bound is a-priori and first order. A step commits learning_rate * e + 3 u |p|, e being the likely error of its
gradient (`backproof.rounding.growth.likely`, with its sources), and later steps do not enlarge it more than
e-fold in all: the learning rate is far below the inverse curvature. For loss and gradients that are polynomials,
e is `likely(count)` times the polynomial of absolute values, `count` being the roundings on its longest path; the
sigmoid network's is followed line by line.
"""

import math
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import numpy as np

from backproof.core.errors import InputError
from backproof.models import MODELS
from backproof.models.algorithms import ALGORITHMS
from backproof.models.model import Model
from backproof.rounding.formats import FORMATS, PRODUCTS
from backproof.rounding.growth import ULPS, likely
from backproof_numpy import NumpyBackend
from benchmarks import extended
from benchmarks.cells import Cell, arrays, rate
from benchmarks.found import Found
from benchmarks.starts import Timed
from benchmarks.user_models import Certified

Arrays = Mapping[str, Any]
FEW = 3  # steps: more of them are checked too, but may settle where a wrong factor leads as well
CUT = 8.0  # times a root mean square: of 2^24 normal errors the largest is below 6 of them
COARSEST = 0.5  # of a tensor's whole change: a bound above it would let a wrong factor through


@cache
def _few(model: str, dims: tuple[tuple[str, int], ...], steps: int) -> dict[str, Any]:
    """Cells of either dtype have the same values."""
    cell = Cell(model, dims, "float64", "cpu")
    values, m = arrays(cell), MODELS[model]
    return extended.descend(m, {n: values[n] for n in m.params}, {n: values[n] for n in m.data}, rate(cell), steps)


class Expected:
    """The parameters after `steps` steps of the plain equations, for the checks of a cell."""

    def __init__(self, cell: Cell, steps: int) -> None:
        self.cell, self.steps, self.model = cell, steps, MODELS[cell.model]
        wide = {name: np.asarray(a, np.float64) for name, a in arrays(cell).items()}
        self.start, self.data = {n: wide[n] for n in self.model.params}, {n: wide[n] for n in self.model.data}
        self.ends: dict[str, Any]
        if steps <= FEW:
            self.ends, self.u = _few(cell.model, cell.dims, steps), extended.U
        else:
            self.ends = NumpyBackend().descend(self.model, "reference", self.start, self.data, rate(cell), steps)
            self.u = FORMATS["float64"].u
        self._errors: dict[tuple[float, bool, str | None], dict[str, Any]] = {}

    def check(self, ends: Arrays, moments: bool, moved: float = 0.0, resolving: bool = True) -> Found:
        """Whether every component is within its bound, from a start at most `moved` away; error and bound at the
        worst. Of a few steps, every tensor must resolve a fault too: many steps may settle, and their bound does not.
        """
        mine = self._bound(FORMATS[self.cell.dtype].u, moments, self.cell.products)
        theirs = self._bound(self.u, False)
        worst, reasons = (0.0, 0.0, 1.0), list[str]()
        for name in self.model.params:
            end, expected, when = ends[name], self.ends[name], f"{name} after {self.steps} step{'s' * (self.steps > 1)}"
            if (end.shape, end.dtype) != (np.shape(expected), self.cell.dtype):
                wanted = f"{self.cell.dtype} {np.shape(expected)}"
                reasons.append(f"{when} is {end.dtype} {end.shape}; it must be {wanted}")
                continue
            bound = mine[name] + theirs[name] + math.e * moved
            error = np.abs(end - expected)
            at = np.unravel_index(int(np.argmax(np.nan_to_num(error / bound, nan=math.inf))), error.shape)
            off = f"off by {float(error[at]):.2g}, its bound is {float(bound[at]):.2g}"
            if not (error <= bound).all():
                reasons.append(f"{when}: {f'at {list(map(int, at))} ' if at else ''}{off}")
            change = np.abs(expected - self.start[name])
            if resolving and self.steps <= FEW and not (bound < COARSEST * change).any():
                reasons.append(f"{when}: its bound is above half of all that it changes by, which would verify nothing")
            if not float(error[at] / bound[at]) <= worst[0]:
                worst = float(error[at] / bound[at]), float(error[at]), float(bound[at])
        return Found(not reasons, *worst[1:], "; ".join(reasons) or None)

    def _bound(self, u: float, moments: bool, products: str | None = None) -> dict[str, Any]:
        if (u, moments, products) not in self._errors:
            step = rate(self.cell)
            gradient = gradient_error(self.model, self.start, self.data, u, moments)
            if products:
                more = cut_error(self.model, self.start, self.data, products)
                gradient = {name: error + more[name] for name, error in gradient.items()}
            kept = {n: np.maximum(np.abs(self.start[n]), np.abs(self.ends[n])) for n in self.start}
            bounds = {n: math.e * self.steps * (step * gradient[n] + 3 * u * kept[n]) for n in kept}
            self._errors[u, moments, products] = bounds
        return self._errors[u, moments, products]


class Verifier:
    """What the series of a cell, timed in calls of `steps` steps, are held to; computed once for all of them."""

    def __init__(self, cell: Cell, steps: int) -> None:
        self.cell, self.steps = cell, steps
        self._expected: dict[int, Expected | Certified] = {}

    def check(self, timed: Timed, ends: Callable[[int], Arrays], moments: bool) -> Found:
        """Whether what the timed calls came to is right, and what a series `ends` with after a few steps; error and
        bound at the worst. Many steps from moments have no bound, nor those of a user's derivation."""
        if timed.fault:
            return Found(False, math.nan, math.nan, timed.fault)
        few, found = FEW, list[Found]()
        if not moments and not self.cell.file:
            few, expected = min(self.steps, FEW), self._of(self.steps)
            assert isinstance(expected, Expected)
            sides = timed.least, timed.greatest
            found = [expected.check(side, moments, timed.moved, resolving=False) for side in sides]
        found.append(self._of(few).check(ends(few), moments))
        wrong = [check for check in found if not check.verified]
        return wrong[0] if wrong else max(found, key=lambda check: check.error / check.bound)

    def _of(self, steps: int) -> Expected | Certified:
        if steps not in self._expected:
            file = self.cell.file
            self._expected[steps] = (
                Certified(file, self.cell.dims, self.cell.dtype, steps) if file else Expected(self.cell, steps)
            )
        return self._expected[steps]


def gradient_error(model: Model, params: Arrays, data: Arrays, u: float, moments: bool) -> dict[str, Any]:
    """The likely absolute error of every component of the gradients, in arithmetic of unit roundoff `u`."""
    if not model.is_linear:
        return _sigmoid_network(u=u, **params, **data)
    sizes = [np.shape(a) for a in (*params.values(), *data.values())]
    count = data["y"].shape[1] + sum(max(shape, default=1) for shape in sizes if shape != data["y"].shape) + 20
    absolute = {name: np.abs(a) for name, a in {**params, **data}.items()} | {"y": -np.abs(data["y"])}
    if moments:  # - y becomes + |y|: every term is then positive
        algorithm = ALGORITHMS["moments"]
        prepared = algorithm.prepare(model, {n: absolute[n] for n in data})
        total = algorithm.evaluate(model, prepared, {n: absolute[n] for n in params})[1]
    else:
        total = model.gradients(**absolute)
    return {name: likely(count, u) * np.abs(value) for name, value in total.items()}


class _Chopped(np.ndarray[Any, Any]):
    """An array of float64 whose products of matrices take their factors in TF32, chopped."""

    def __matmul__(self, other: Any) -> Any:
        chop = PRODUCTS["tf32"].chop
        return (chop(np.asarray(self)) @ chop(np.asarray(other))).view(_Chopped)


def cut_error(model: Model, params: Arrays, data: Arrays, products: str) -> dict[str, Any]:
    """What factors in TF32 may change in every component of the gradients, beside all rounding: CUT times the root
    mean square, over its row and over its tensor, of what it is where they are chopped and all else is float64.

    A bound a priori for this many sums says nothing; this one is of the very data, and chopped factors err alike, so
    no other way of cutting does worse in the mean.
    """
    if products != "tf32":
        raise InputError(f"products in {products} cannot be verified; in tf32 they can")
    exact = model.gradients(**params, **data)
    views = {name: np.asarray(a, np.float64).view(_Chopped) for name, a in {**params, **data}.items()}
    cut = model.gradients(**views)
    found = {}
    for name, value in exact.items():
        square = np.square(np.asarray(cut[name]) - np.asarray(value))
        row = np.sqrt(square.mean(axis=-1, keepdims=True)) if square.ndim else np.sqrt(square)
        found[name] = CUT * (row + np.sqrt(square.mean()))
    return found


def _sigmoid_network(X: Any, y: Any, W1: Any, b1: Any, w2: Any, b2: Any, u: float) -> dict[str, Any]:
    """As the model file's lines, each with its error beside it: eZ of Z, eA of A, and so on; tiles of columns."""
    (n, m), k, total = X.shape, len(W1), dict[str, Any]()
    for start in range(0, m, 8192):
        Xt, yt = X[:, start : start + 8192], y[:, start : start + 8192]
        A = 1 / (1 + np.exp(-(W1 @ Xt + b1)))
        eZ = likely(n + 1, u) * (np.abs(W1) @ np.abs(Xt) + np.abs(b1))
        eA = eZ / 4 + ULPS["sigmoid"] * u * A
        r = w2 @ A + b2 - yt
        er = likely(k + 2, u) * (np.abs(w2) @ A + np.abs(b2) + np.abs(yt)) + np.abs(w2) @ eA
        d, ed = 2 / m * np.abs(r), 2 / m * (er + 4 * u * np.abs(r))
        slope, eslope = A * (1 - A), eA + 3 * u * A
        eZd = np.abs(w2.T) * (ed * slope + d * eslope) + 3 * u * np.abs(w2.T) * d * slope
        dZ, law, aX = np.abs(w2.T) * d * slope, likely(m, u), np.abs(Xt)
        part = dict(
            W1=(law * dZ + eZd) @ aX.T,
            b1=(law * dZ + eZd).sum(axis=1, keepdims=True),
            w2=(law * d + ed) @ A.T + d @ eA.T,
            b2=(law * d + ed).sum(),
        )
        total = {name: total.get(name, 0) + value for name, value in part.items()}
    return total
