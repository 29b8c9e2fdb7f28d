"""A model's equations in the order in which they run, as they stand in its file; and one run of them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from backproof.core.errors import InputError
from backproof.graph.namespace import Namespace
from backproof.graph.nodes import Node
from backproof.models.model import Model
from backproof.proofs.source import Line, read

FORWARD, LOSS, BACKWARD, GRADIENT = "forward", "loss", "backward", "gradient"
TRACED = {"n": 3, "m": 7, "k": 5}  # distinct, so that a size tells its letter


@dataclass(frozen=True)
class Equation:
    """`target = text`; it `depends` on other targets, parameters, data and m. `axes` are the letters of its shape."""

    kind: str
    target: str
    text: str
    depends: tuple[str, ...]
    axes: tuple[str, ...]

    @property
    def shape(self) -> str:
        """As in the models' files: "(k, m)"."""
        return f"({', '.join(self.axes)})"

    @property
    def of(self) -> str | None:
        """Of a line that goes backwards: the variable that the loss is differentiated by."""
        return self.target.removeprefix("d") if self.kind in (BACKWARD, GRADIENT) else None


class Equations(tuple[Equation, ...]):
    """Forward, loss, backward, gradients (as "dW1"), in this order. Raises InputError where no source can be read."""

    _lines: tuple[Line, ...]
    _scope: Mapping[str, Any]

    @classmethod
    def read(cls, model: Model) -> Equations:
        source = read(model)
        if source is None:
            raise InputError(f"{model.name} has no forward, backward and loss whose source could be read")
        lines = [(FORWARD, line.target, line) for line in source.forward]
        lines += [(LOSS, source.loss.target, source.loss)]
        lines += [(BACKWARD, line.target, line) for line in source.backward]
        lines += [(GRADIENT, f"d{name}", line) for name, line in source.gradients.items()]
        nodes = {name: Node("input", (), model.shape(name, TRACED), name=name) for name in model.shapes}
        shapes = {name: node.shape for name, node in _run(lines, source.scope, nodes, TRACED["m"], Namespace()).items()}
        letters = {size: letter for letter, size in TRACED.items()} | {1: "1"}
        known = {*model.shapes, *(target for _, target, _ in lines), "m"}
        made = cls(
            Equation(
                kind,
                target,
                re.sub(r"\bxp\.|, xp\b", "", line.text),
                tuple(name for name in dict.fromkeys(re.findall(r"\w+", line.text)) if name in known),
                tuple(letters[size] for size in shapes[target]),
            )
            for kind, target, line in lines
        )
        made._lines, made._scope = tuple(line for _, _, line in lines), source.scope
        return made

    def run(self, arrays: Mapping[str, Any], xp: Any = np) -> dict[str, Any]:
        """Every target's value at `arrays` (parameters and data), in NumPy or in another namespace `xp`."""
        lines = [(each.kind, each.target, line) for each, line in zip(self, self._lines, strict=True)]
        return _run(lines, self._scope, arrays, arrays["y"].shape[1], xp)


def _run(
    lines: list[tuple[str, str, Line]], scope: Mapping[str, Any], arrays: Mapping[str, Any], m: int, xp: Any
) -> dict[str, Any]:
    values = {**arrays, "m": m, "xp": xp}
    for _, target, line in lines:
        values[target] = line.compute(values, scope)
    return {target: values[target] for _, target, _ in lines}
