"""The program that runs a user's derivation, in a process of its own."""

from __future__ import annotations

import traceback
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from backproof.core.errors import InputError
from backproof.core.files import read_source
from backproof.graph.nodes import FOREIGN
from backproof.graph.source_spans import source_lines
from backproof.graph.sweep import flatten, reachable
from backproof.graph.tracing import Trace, forward
from backproof.isolation.death import message
from backproof.models.model import Dims
from backproof.models.user_file import Arrays, Derivation, load

Values = tuple[Any, str]  # an array, or None for what is no number, and the name of its dtype


class Program:
    """Answers requests about one file (`isolation.server`)."""

    def __init__(self, path: str) -> None:
        self.path = path
        self._derivation: Derivation | None = None
        warnings.simplefilter("ignore")  # overflow and the like show in the values

    def answer(self, name: str, *arguments: Any) -> Any:
        """ "load" and the name of the hand derivation come first, then whatever `_answers` has."""
        if name == "load":
            self._derivation = load(self.path, *arguments)
            return _description(self._derivation)
        assert self._derivation is not None
        return _answers(self._derivation)[name](*arguments)

    def explain(self, error: BaseException) -> str:
        return _one_line(error, self.path)


def _description(derivation: Derivation) -> dict[str, Any]:
    model = derivation.model
    source = read_source(derivation.path)
    return {"name": model.name, "shapes": model.shapes, "params": model.params, "source": source}


def _answers(derivation: Derivation) -> dict[str, Callable[..., Any]]:
    from backproof.derivation import complex_step, rerun
    from backproof.derivation.evidence import Request

    return {
        "trace": lambda dims: _trace(derivation, dims),
        "draw": derivation.draw,
        "sampled": derivation.sampled,
        "gradients": lambda arrays, dtype, hand: _gradients(derivation.hand(hand), arrays, dtype),
        "run": lambda asked: {n: _values(v) for n, v in rerun.run(derivation, Request(**asked)).items()},
        "exact": lambda asked, *limits: {
            name: (exact.value, exact.numbers)
            for name, exact in rerun.exact(derivation, Request(**asked), *limits).items()
        },
        "complex step": lambda arrays, direction: complex_step.along(derivation.model.loss, arrays, direction),
    }


def _trace(derivation: Derivation, dims: Dims) -> Any:
    first, second = (_rows(derivation, dims) for _ in range(2))
    if not _same(first, second):
        raise InputError("loss is not deterministic: run twice on the same arrays, it computes different things")
    return first


def _rows(derivation: Derivation, dims: Dims) -> Any:
    with source_lines(derivation.path):
        traced: Trace = forward(derivation.model, dims)
    order = reachable([traced.loss, *traced.inputs.values(), *traced.taps.values()])
    place = {node: i for i, node in enumerate(order)}
    named = [{name: place[node] for name, node in nodes.items()} for nodes in (traced.inputs, traced.taps)]
    return flatten(order), place[traced.loss], *named


def _same(a: Any, b: Any) -> bool:
    if isinstance(a, np.ndarray) or isinstance(b, np.ndarray):
        return bool(np.array_equal(a, b, equal_nan=True))
    if isinstance(a, list | tuple):
        return len(a) == len(b) and all(map(_same, a, b))
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(_same(a[key], b[key]) for key in a)
    return bool(a == b)


def _gradients(gradients: Callable[..., Any], arrays: Arrays, dtype: str) -> dict[str, Values]:
    first, second = (gradients(**_cast(arrays, dtype)) for _ in range(2))
    if not isinstance(first, Mapping):
        raise InputError(f"gradients returns a {type(first).__name__}; it must return a dict by parameter's name")
    found = {str(name): _values(value) for name, value in first.items()}
    if not _same(list(found.values()), [_values(value) for value in second.values()]):
        raise InputError("gradients is not deterministic: run twice on the same arrays, its values differ")
    return found


def _cast(arrays: Arrays, dtype: str) -> Arrays:
    return {name: np.array(value, dtype) for name, value in arrays.items()}  # copies: the file may write to them


def _values(value: Any) -> Values:
    if hasattr(value, "detach"):
        value = value.detach()
    try:
        array = np.asarray(value)
    except Exception:
        return None, type(value).__name__
    return (array, array.dtype.name) if array.dtype.kind in "biufc" else (None, type(value).__name__)


def _one_line(error: BaseException, path: str) -> str:
    if isinstance(error, SyntaxError):
        return f"line {error.lineno}: {type(error).__name__}: {error.msg}"
    said = message(error) or "no message"
    stack = traceback.extract_tb(error.__traceback__)
    frames = [f for f in stack if f.filename == path]
    where = f"line {frames[-1].lineno}, in {frames[-1].name}: " if frames else ""
    within = stack and Path(stack[-1].filename).is_relative_to(Path(np.__file__).parent)
    if "Node" in said and ("ufunc" in said or within):  # np.exp of a node; np.sum of one, by keywords it lacks
        said = FOREIGN
    return where + (said if isinstance(error, InputError) else f"{type(error).__name__}: {said}")
