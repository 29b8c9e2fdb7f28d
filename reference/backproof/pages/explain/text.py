"""A pass as plain text of at most 80 columns."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from rich.text import Text

from backproof.pages.explain.equations import BACKWARD, FORWARD, GRADIENT, LOSS
from backproof.pages.explain.passes import DIGITS, Pass, Step

WIDTH = 80
PARTS = {
    FORWARD: "forward: every value is stored, and used again on the way back",
    LOSS: "loss",
    BACKWARD: "backward: dV stands for dloss/dV, of V's shape",
    GRADIENT: "gradients",
}


def lines(shown: Pass) -> Iterator[Text]:
    """Inputs, then every equation with its numbers, then how far the computed values are from the certified ones."""
    sizes = ", ".join(f"{letter} = {size}" for letter, size in shown.dims.items())
    yield Text(f"{shown.model.name}: one pass in float64 at {sizes} (seed {shown.seed})")
    yield Text("\ninputs", "bold")
    for name, array in shown.arrays.items():
        axes = ", ".join(shown.model.shapes[name].split())
        yield Text(f"  {name} ({axes})", "cyan")
        yield Text(numbers(array))
    kind = None
    for step in shown.steps:
        equation = step.equation
        if equation.kind != kind:
            kind = equation.kind
            yield Text(f"\n{PARTS[kind]}", "bold")
        yield Text.assemble((f"  {equation.target}", "cyan"), f" = {equation.text}", (f"  {equation.shape}", "dim"))
        yield Text(numbers(step.value))
    yield Text("\ncertified: the true values, and how far the computed ones are off at most", "bold")
    yield Text(f"  {'worst entry':<12}{'computed':>20}  {'certified':>25}  {'+/-':<7}  error", "dim")
    for step in shown.steps:
        yield Text(_certified(step))
    yield Text(f"\nThe true value lies within +/- of the certified one (shown to {DIGITS} digits).")
    yield Text("Certified gradients come from the loss alone, not from the equations above.")


def numbers(array: Any) -> str:
    """The array's entries, in rows, to six digits."""
    text = np.array2string(np.asarray(array), precision=6, suppress_small=False, max_line_width=WIDTH - 6)
    return "\n".join(f"      {line}" for line in text.splitlines())


def _certified(step: Step) -> str:
    index = step.worst
    name = step.equation.target + (f"[{','.join(map(str, index))}]" if index else "")
    digits, radius = step.certified(index)
    return f"  {name:<10}{step.value[index]:>22.17g}  {digits:>25}  {short(radius):<7}  {step.error:.1g}"


def short(radius: str) -> str:
    """A radius to one digit, rounded up: "5.89e-58" is "6e-58"."""
    digits, e, exponent = radius.partition("e")
    whole = -int(-float(digits) // 1)
    return f"{whole}{e}{exponent}" if whole < 10 else f"1e{int(exponent or 0) + 1}"
