"""Faults of what is returned, whatever the derivation: factors, signs, zeros, one component, forms, keys."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from backproof.models.model import Model


@dataclass(frozen=True)
class Returned:
    """One gradient put wrong by an expression in `g`, the right one; the kinds and the factor it must be named by."""

    name: str
    expression: str
    kinds: frozenset[str]

    def source(self, hand: str) -> str:
        """A function `hand` that returns it."""
        return (
            f"def {hand}(**arrays):\n"
            f"    import inspect\n"
            f"    import numpy as np\n"
            f"    right = gradients(**{{p: arrays[p] for p in inspect.signature(gradients).parameters}})\n"
            f"    g = right[{self.name!r}]\n"
            f"    return {{**right, {self.name!r}: {self.expression}}}\n"
        )


def returned(model: Model, shapes: Mapping[str, tuple[int, ...]]) -> Iterator[Returned]:
    """Every such fault of every parameter. `shapes` are the parameters' at one set of sizes."""
    sizes = {x: f"arrays[{n!r}].shape[{i}]" for n, axes in model.shapes.items() for i, x in enumerate(axes.split())}
    letters = {letter: place for letter, place in sizes.items() if letter.isalpha()}
    for name in model.params:
        for factor in ("2", "1 / 2", "-1", "-2", *letters.values()):
            yield Returned(name, f"g * ({factor})", frozenset({"factor"}))
        for place in letters.values():
            yield Returned(name, f"g / {place}", frozenset({"factor"}))
            yield Returned(name, f"g * {place} / 2", frozenset({"factor"}))
        yield Returned(name, "0 * g", frozenset({"zero"}))
        yield Returned(name, "np.float32(g)", frozenset({"dtype"}))
        yield Returned(name, "g[None] if np.ndim(g) else np.reshape(g, (1, 1))", frozenset({"shape"}))
        yield Returned(name, "g * np.nan", frozenset({"not-finite"}))
        if len(shapes[name]) == 2 and max(shapes[name]) > 1:
            yield Returned(name, "g.T", frozenset({"transpose"}))
        size = 1
        for s in shapes[name]:
            size *= s
        if size >= 3:
            yield Returned(
                name, "g * np.where(np.arange(g.size).reshape(g.shape) == 1, 1.5, 1)", frozenset({"element"})
            )
