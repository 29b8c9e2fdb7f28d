"""Why a cell has its verdict, in sentences, from the cell of a JSON result."""

import math
from collections.abc import Iterator, Mapping
from typing import Any

from backproof.conformance.relations import RELATIONS

Cell = Mapping[str, Any]
Tensors = dict[str, Mapping[str, Any]]


def tensors(cell: Cell) -> Tensors:
    """Every judged tensor of a cell by name: loss, output, gradients as `dW1`, parameters of a descent."""
    named = {name: cell[name] for name in ("loss", "output") if cell[name]}
    return named | {f"d{name}": j for name, j in cell["gradients"].items()} | dict(cell["parameters"])


def share(judgement: Mapping[str, Any]) -> float | None:
    """The error as a fraction of the likely bound, where both are numbers."""
    if judgement["error"] is None or not judgement["bound"]:
        return None
    return float(judgement["error"]) / float(judgement["bound"])


def worst(cell: Cell) -> tuple[str, float] | None:
    """The tensor with the largest share of its bound, and that share."""
    shares = {name: told for name, j in tensors(cell).items() if (told := share(j)) is not None}
    return max(shares.items(), key=lambda item: item[1], default=None)


def why(cell: Cell) -> list[str]:
    """What decided the verdict, the decisive first."""
    said = [f"Known to fail: {cell['known']}."] if cell["known"] else []
    if cell["precision"]:
        said.append(f"Precision: {cell['precision']}.")
    deciding = {name: j for name, j in tensors(cell).items() if j["verdict"] == cell["verdict"]}
    if cell["verdict"] == "pass":
        said += _passes(cell, deciding)
    elif deciding:
        said += _departs(cell, deciding)
    else:
        said.append(f"{cell['reason'] or 'No reason was given'}.")
    return said


def _passes(cell: Cell, passing: Tensors) -> Iterator[str]:
    relation = RELATIONS.get(cell["regime"])
    if relation and relation.exact:
        yield "Two runs on the same inputs gave the same bits."
        return
    if relation:
        yield (
            "The answers at the changed inputs say of the original ones what they must; the bounds of both sides add."
            " Wrong gradients may do so too: other cells hold them against the truth."
        )
    largest = worst(cell)
    if largest:
        name, told = largest
        yield (
            f"Every error is within its likely bound; the largest, {name}'s, takes {told:.2g} of it."
            if told
            else "Every tensor is exact: the error is 0."
        )
    resolutions = {name: float(j["resolution"]) for name, j in passing.items() if j["resolution"] is not None}
    if resolutions:
        coarsest = max(resolutions, key=resolutions.__getitem__)
        least = f"{resolutions[coarsest]:.2g}"
        yield f"In every tensor a fault of {least} of its size is sure to show ({coarsest} is the coarsest)."
    silent = [name for name, j in passing.items() if j["error"] is None]
    if silent:
        yield f"{_names(silent)}: the truth is not finite, as NaN or Inf came in, and neither is the answer."


def _departs(cell: Cell, deciding: Tensors) -> Iterator[str]:
    for reason in dict.fromkeys(j["reason"] for j in deciding.values()):
        same = {name: j for name, j in deciding.items() if j["reason"] == reason}
        yield f"{_names(same)}: {reason}."
        texts = dict.fromkeys(j["diagnosis"]["text"] for j in same.values() if j["diagnosis"])
        yield from (f"It looks like this: {text}." for text in texts if text not in reason)
        name = max(same, key=lambda name: share(same[name]) or 0.0)
        yield from _hides(same) if all(map(_hidden, same.values())) else _numbers(name, same[name])
    others = [name for name in tensors(cell) if name not in deciding]
    if others:
        yield f"Not so: {_names(others)}."


def _hidden(judgement: Mapping[str, Any]) -> bool:
    """Whether the tensor is no pass for the one reason that rounding would hide a fault."""
    likely = share(judgement)
    return likely is not None and likely <= 1 and judgement["verdict"] == "inconclusive"


def _hides(hidden: Tensors) -> Iterator[str]:
    resolutions = {name: float(j["resolution"]) for name, j in hidden.items()}
    zero = [name for name, told in resolutions.items() if told == float("inf")]
    if zero:
        yield f"The truth of {_names(zero)} is 0: there is nothing of which half could be wrong."
    for name, told in resolutions.items():
        if name not in zero:
            yield f"{name}: the likely bound is {told / 2:.2g} of its size, at its best component."


def _numbers(name: str, judgement: Mapping[str, Any]) -> Iterator[str]:
    if judgement["worst_index"] is None or judgement["actual"] is None or judgement["expected"] is None:
        return
    actual, expected = float(judgement["actual"]), float(judgement["expected"])
    ratio = f", ratio {actual / expected:.6g}" if expected and math.isfinite(expected) else ""
    place = f" at {list(judgement['worst_index'])}" if judgement["worst_index"] else ""
    told = f"{name}{place}: yours {actual:.9g}, truth {expected:.9g}{ratio}"
    if (likely := share(judgement)) is not None:
        told += f"; its error {float(judgement['error']):.2g} is {likely:.3g} × the likely bound"
        if judgement["rigorous_bound"]:
            rigorous = float(judgement["error"]) / float(judgement["rigorous_bound"])
            told += f", {rigorous:.3g} × the rigorous one"
    yield f"{told}."


def _names(names: Any) -> str:
    return ", ".join(names)
