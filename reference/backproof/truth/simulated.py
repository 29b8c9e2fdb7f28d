"""What arithmetic of fewer bits would have made of a graph: every input and result rounded to a format."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from backproof.graph.nodes import Node
from backproof.graph.sweep import evaluate
from backproof.rounding.formats import Floats, Format
from backproof.truth.floating import Floating


class _Narrow:
    """Float64 with every result rounded to `fmt`: arithmetic of that precision, with wide accumulators."""

    def __init__(self, inputs: Mapping[str, Any], fmt: Format) -> None:
        self._doubles, self._fmt = Floating(inputs), fmt

    def __getattr__(self, op: str) -> Any:
        exact = getattr(self._doubles, op)
        return lambda node, *values: self._fmt.round(exact(node, *values))


class _NarrowProducts(_Narrow):
    """The same with the factors of products alone rounded: what tensor cores do to wider arrays."""

    def __getattr__(self, op: str) -> Any:
        exact = getattr(self._doubles, op)
        if op not in ("matmul", "multiply"):
            return exact
        return lambda node, *values: exact(node, *map(self._cut, values))

    def _cut(self, values: Floats) -> Floats:
        return self._fmt.round(values)


class _ChoppedProducts(_NarrowProducts):
    """The same with the factors' last bits ignored: errors that do not cancel, and so are larger."""

    def _cut(self, values: Floats) -> Floats:
        return self._fmt.chop(values)


KINDS = (_Narrow, _NarrowProducts, _ChoppedProducts)


def simulate(roots: Sequence[Node], arrays: Mapping[str, Any], fmt: Format) -> list[dict[Node, Floats]]:
    """The roots' values in kinds of arithmetic of the precision `fmt`: all of it narrow, or its products.

    `fmt` has at most 24 digits, for float64 to be exact beside it.
    """
    inputs = {name: np.asarray(array, np.float64) for name, array in arrays.items()}
    with np.errstate(all="ignore"):
        swept = [evaluate(roots, kind(inputs, fmt)) for kind in KINDS]
    return [{node: np.asarray(values[node]) for node in roots} for values in swept]
