"""Precision provenance: fewer bits than were asked for, told from the error itself and named."""

from collections.abc import Collection, Mapping
from functools import cache
from typing import Any

import numpy as np

from backproof.conformance.cells import Problem, inputs
from backproof.graph.tracing import trace
from backproof.rounding.formats import FORMATS, PRODUCTS, Format
from backproof.truth.certify import Truth, dimensions
from backproof.truth.simulated import simulate

_FLOAT32 = FORMATS["float32"]
LOWER = (
    (_FLOAT32, "24 significand bits: float32 (is float64 switched off?)"),
    (PRODUCTS["tf32"], "about 11 significand bits: TF32 or float16"),
    (FORMATS["bfloat16"], "about 8 significand bits: bfloat16"),
)
ROUNDED_INPUTS = 8
# In bits: how far the errors of a cell, in the mean over its tensors, and of one tensor may be from simulated ones.
CELL_BITS, TENSOR_BITS = 3.0, 7.0

Values = Mapping[str, np.ndarray[Any, Any]]


def provenance(
    problem: Problem, truth: Truth, answer: Values, beyond: Collection[str], products: str | None = None
) -> str | None:
    """What lower precision explains that the tensors `beyond` ("loss", "output", parameters) exceed their bounds.

    Each candidate precision is simulated on the problem's own inputs. The one whose errors are most like the
    ones seen is named, if it is like them in every tensor, and if the tensors beyond their bounds are most of
    those that it would have carried there: a mistake in one gradient leaves its neighbours at full precision.
    With `products`, of `formats.PRODUCTS`, products of matrices were asked for in that precision only.
    """
    asked = FORMATS[problem.dtype].digits if products is None else PRODUCTS[products].digits
    if asked > _FLOAT32.digits and all(_of_float32(truth, name, answer[name], asked) for name in beyond):
        return f"{LOWER[0][1]}, where {asked} were asked for"
    scores: dict[str, float] = {}
    for fmt, name in LOWER:
        for values in _simulated(problem, fmt) if fmt.digits < asked else ():
            simulated = {key: _error(truth, key, value) for key, value in values.items()}
            visible = [key for key, error in simulated.items() if (error > truth.named[key].likely).any()]
            bits = np.abs([_bits_apart(_error(truth, key, answer[key]), simulated[key]) for key in beyond])
            if "output" in visible and "output" not in beyond:
                continue  # lower precision would have shown in the forward too
            explained = len(set(beyond) & set(visible)) > len(visible) / 2
            if explained and bits.max() <= TENSOR_BITS and bits.mean() <= CELL_BITS:
                scores[name] = min(float(bits.mean()), scores.get(name, np.inf))
    if not scores:
        return None
    named = min(scores, key=scores.__getitem__)
    return f"{named}, where {asked} were asked for"


def _of_float32(truth: Truth, key: str, values: Any, asked: int) -> bool:
    """Every value is a float32 number, one needs more bits than the next format has, and the errors are of that size:
    within the rigorous bound, scaled from the precision `asked` to float32, with room for inputs that
    are rounded as they come in."""
    bound = ROUNDED_INPUTS * 2.0 ** (asked - _FLOAT32.digits) * truth.named[key].rigorous
    held = _FLOAT32.holds(values).all() and not PRODUCTS["tf32"].holds(values).all()
    return bool(held and (_error(truth, key, values) <= bound).all())


@cache
def _simulated(problem: Problem, fmt: Format) -> list[dict[str, Any]]:
    model, arrays = problem.subject, inputs(problem)
    traced = trace(model, dimensions(model, arrays))
    nodes = {"loss": traced.loss, "output": traced.output, **traced.gradients}
    told = {key: node for key, node in nodes.items() if node is not None}
    return [{key: values[node] for key, node in told.items()} for values in simulate(list(told.values()), arrays, fmt)]


def _error(truth: Truth, key: str, values: Any) -> Any:
    return np.abs(np.asarray(values, np.float64) - np.array(truth.named[key].value, np.float64))


def _bits_apart(seen: Any, simulated: Any) -> float:
    """How many bits larger the seen errors are, in root mean square; infinite where most are far smaller (one
    component is wrong, and not its precision)."""
    with np.errstate(all="ignore"):
        apart = np.log2(np.sqrt((seen**2).mean()) / np.sqrt((simulated**2).mean()))
        middle = np.log2(np.median(seen) / np.median(simulated))
    return float(apart) if np.isfinite(apart) and middle >= -TENSOR_BITS else np.inf
