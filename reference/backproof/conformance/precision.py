"""Precision provenance: fewer bits than were asked for, named where they are shown.

An error of the size that a lower precision makes is no evidence of it: a mistake may be as large. It is named where the
series was seen to compute in that precision (`probe`); else its size alone is reported.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np

from backproof.conformance.cells import Cell, Problem, inputs
from backproof.conformance.probe import NARROWER, Shown, probe_cell
from backproof.graph.tracing import trace
from backproof.hosting.evaluation import Evaluation
from backproof.rounding.formats import FORMATS, PRODUCTS, Format
from backproof.truth.certify import Truth, dimensions
from backproof.truth.simulated import simulate
from backproof.verdicts.judgement import Judgement, Verdict

_FLOAT32 = FORMATS["float32"]
SHOWN_AS = {
    "float32": "24 significand bits: float32",
    "tf32": "about 11 significand bits: TF32 or float16",
    "bfloat16": "about 8 significand bits: bfloat16",
}
ROUNDED_INPUTS = 8
# In bits: how far the errors of a cell, in the mean over its tensors, and of one tensor may be from simulated ones.
CELL_BITS, TENSOR_BITS = 3.0, 7.0

Values = Mapping[str, np.ndarray[Any, Any]]
Probe = Callable[[Cell], Shown | None]  # asks a backend the tasks of a probe's cell, and says what is shown


def with_provenance(
    cell: Cell, judged: dict[str, Judgement], answer: Evaluation, expected: Truth, probe: Probe | None
) -> tuple[dict[str, Judgement], str | None]:
    """The judgements by name, and the lower precision that was shown to make errors beyond the likely bounds: with a
    name they fail. Without one, their size is compared with what lower precision would make.

    `probe` is asked only where a size agrees.
    """
    asked = cell.problem.dtype
    digits = {d: FORMATS[d].digits if d in FORMATS else np.inf for _, d in answer.named.values()}
    widest = max(digits, key=digits.__getitem__)
    if digits[widest] < FORMATS[asked].digits:
        return judged, f"{widest}, where {asked} was asked for (is it switched off?)"
    beyond = [name for name, j in judged.items() if j.error is not None and j.bound and j.error > j.bound]
    values = {name: tensor for name, (tensor, _) in answer.named.items()}
    alike = as_large_as(cell.problem, expected, values, beyond, cell.matmul_precision) if beyond else []
    if not alike:
        return judged, None
    seen = probe(probe_cell(cell)) if probe else None
    if seen is None or seen.fmt not in alike:
        said = f"(an error as large as {'TF32' if alike[0].name == 'tf32' else alike[0].name}'s)"
        return judged | {name: replace(judged[name], reason=f"{judged[name].reason} {said}") for name in beyond}, None
    named = f"{_named(seen)}, where {_asked(cell.problem, cell.matmul_precision)} were asked for"
    in_force = ", ".join(f"{key} {value}" for key, value in answer.settings.items())
    named += f" (in force: {in_force})" if in_force else ""
    return judged | {name: replace(judged[name], verdict=Verdict.FAIL, reason=named) for name in beyond}, named


def _named(seen: Shown) -> str:
    switched = seen.fmt is _FLOAT32 and seen.throughout
    return SHOWN_AS[seen.fmt.name] + (" (is float64 switched off?)" if switched else "")


def _asked(problem: Problem, products: str | None) -> int:
    return FORMATS[problem.dtype].digits if products is None else PRODUCTS[products].digits


def as_large_as(
    problem: Problem, truth: Truth, answer: Values, beyond: Collection[str], products: str | None = None
) -> list[Format]:
    """The formats whose errors are like those of the tensors `beyond` ("loss", "output", parameters), the likest first.

    Each format is simulated on the problem's own inputs. Its errors must be like the ones seen in every tensor, and
    the tensors beyond their bounds most of those that it would have carried there: a mistake in one gradient leaves
    its neighbours at full precision. With `products`, of `formats.PRODUCTS`, products of matrices were asked for in
    that precision only.
    """
    asked = _asked(problem, products)
    if asked > _FLOAT32.digits and all(_of_float32(truth, name, answer[name], asked) for name in beyond):
        return [_FLOAT32]
    scores: dict[Format, float] = {}
    for fmt in NARROWER:
        for values in _simulated(problem, fmt) if fmt.digits < asked else ():
            simulated = {key: _error(truth, key, value) for key, value in values.items()}
            visible = [key for key, error in simulated.items() if (error > truth.named[key].likely).any()]
            bits = np.abs([_bits_apart(_error(truth, key, answer[key]), simulated[key]) for key in beyond])
            if "output" in visible and "output" not in beyond:
                continue  # lower precision would have shown in the forward too
            explained = len(set(beyond) & set(visible)) > len(visible) / 2
            if explained and bits.max() <= TENSOR_BITS and bits.mean() <= CELL_BITS:
                scores[fmt] = min(float(bits.mean()), scores.get(fmt, np.inf))
    return sorted(scores, key=scores.__getitem__)


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
