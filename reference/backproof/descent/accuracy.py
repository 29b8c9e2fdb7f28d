"""How far rounding may have carried a descent from the one in exact arithmetic."""

from collections.abc import Callable
from itertools import pairwise

import numpy as np

from backproof.descent.parameters import hessian, pack
from backproof.descent.problem import Descent, Point
from backproof.rounding.formats import FORMATS
from backproof.truth.certify import certify

PLACES = 8  # points of the path where the rounding of a gradient is bounded
MOST_PARAMETERS, MOST_WORK = 300, 2_000_000  # beyond, parameters * examples too, a bound would take minutes


def parameter_bound(descent: Descent, watch: Callable[[int], None] = lambda points: None) -> float | None:
    """A bound on the Euclidean distance of the final parameters from those of exact descent, to first order.

    A step commits at most learning_rate * |likely bound of the gradient| + 3 u |parameters| (the product
    and the difference of the update); the steps after it multiply that by |I - learning_rate * H|. The
    former is the largest found at points of the path, the latter the larger of two neighbouring points.
    None where the problem is too large for it. `watch` is told of every point that was looked at.
    """
    path = descent.path
    parameters = len(pack(descent.model, path[0].params))
    if parameters > MOST_PARAMETERS or parameters * descent.data["y"].size > MOST_WORK:
        return None
    committed = max(_committed(descent, path[i]) for i in np.linspace(0, len(path) - 1, PLACES).astype(int))
    growth = []
    for point in path:
        growth.append(_growth(descent, point))
        watch(1)
    error = 0.0
    for i, (before, after) in enumerate(pairwise(path)):
        steps, factor = after.step - before.step, max(growth[i], growth[i + 1])
        with np.errstate(over="ignore"):
            grown = np.float64(factor) ** steps
        error = float(error * grown + committed * (steps if factor == 1 else (grown - 1) / (factor - 1)))
    return error


def _committed(descent: Descent, point: Point) -> float:
    truth = certify(descent.model, {**point.params, **descent.data}, "float64")
    rounding = np.concatenate([np.ravel(truth.gradients[name].likely) for name in descent.model.params])
    theta = pack(descent.model, point.params)
    return float(descent.learning_rate * np.linalg.norm(rounding) + 3 * FORMATS["float64"].u * np.linalg.norm(theta))


def _growth(descent: Descent, point: Point) -> float:
    H = hessian(descent.model, point.params, descent.data)
    return float(np.linalg.norm(np.eye(len(H)) - descent.learning_rate * H, 2))
