"""Metamorphic relations: what gradients at changed inputs must say of those at the original ones, without a truth.

A relation changes the inputs into one or several others; each comes with the way `back`: what its loss or
gradient (by name) contributes to the original one. Both sides are correct arithmetic, so they may differ by
the sum of their bounds.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from backproof.models.model import Model

Array = np.ndarray[Any, Any]
Back = Callable[[str, Any], Any]


@dataclass(frozen=True)
class Changed:
    """Changed inputs, and how their loss ("loss") or gradient contributes to the original: value -> value."""

    arrays: Mapping[str, Array]
    back: Back


@dataclass(frozen=True)
class Relation:
    """A relation, the models it holds for, and whether it holds to the last bit."""

    change: Callable[[Model, Mapping[str, Array]], list[Changed]]
    models: Callable[[Model], bool] = lambda model: True
    exact: bool = False


def _same(name: str, value: Any) -> Any:
    return value


def _columns(model: Model, arrays: Mapping[str, Array], index: Any) -> dict[str, Array]:
    return {name: array[:, index] if name in model.data else array for name, array in arrays.items()}


def _examples(arrays: Mapping[str, Array]) -> int:
    return int(arrays["y"].shape[1])


def permuted_examples(model: Model, arrays: Mapping[str, Array]) -> list[Changed]:
    """Examples have no order: nothing changes."""
    order = np.random.default_rng(1).permutation(_examples(arrays))
    return [Changed(_columns(model, arrays, order), _same)]


def duplicated_batch(model: Model, arrays: Mapping[str, Array]) -> list[Changed]:
    """The loss is a mean: of every example twice, it is the same."""
    twice = np.tile(np.arange(_examples(arrays)), 2)
    return [Changed(_columns(model, arrays, twice), _same)]


def microbatches(model: Model, arrays: Mapping[str, Array]) -> list[Changed]:
    """The loss is a mean over examples: the parts, weighted by their share, sum to the whole."""
    m = _examples(arrays)

    def part(first: int, last: int) -> Changed:
        return Changed(_columns(model, arrays, slice(first, last)), lambda name, value: value * (last - first) / m)

    return [part(0, m // 3), part(m // 3, m)]


def doubled(model: Model, arrays: Mapping[str, Array]) -> list[Changed]:
    """Twice the target and twice the last layer double y_hat - y, exactly: the loss is 4-fold, the last layer's
    gradient 2-fold (its own factor takes one 2 back), the first layer's 4-fold."""
    last = ("w", "b", "w2", "b2")
    changed = {name: 2 * array if name in ("y", *last) else array for name, array in arrays.items()}
    return [Changed(changed, lambda name, value: value / (2 if name in last else 4))]


def permuted_units(model: Model, arrays: Mapping[str, Array]) -> list[Changed]:
    """Hidden units have no order: rows of W1 and b1 and columns of w2 are permuted together."""
    order = np.random.default_rng(1).permutation(arrays["W1"].shape[0])
    back = np.argsort(order)
    rows = {name: arrays[name][order] for name in ("W1", "b1")}
    return [
        Changed(
            {**arrays, **rows, "w2": arrays["w2"][:, order]},
            lambda name, value: value[back] if name in rows else value[:, back] if name == "w2" else value,
        )
    ]


def repeated(model: Model, arrays: Mapping[str, Array]) -> list[Changed]:
    """The same inputs once more give the same bits."""
    return [Changed(arrays, _same)]


RELATIONS = {
    "permuted-examples": Relation(permuted_examples),
    "duplicated-batch": Relation(duplicated_batch),
    "microbatches": Relation(microbatches),
    "doubled": Relation(doubled),
    "permuted-units": Relation(permuted_units, lambda model: "W1" in model.shapes),
    "repeated": Relation(repeated, exact=True),
}
