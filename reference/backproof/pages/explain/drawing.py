"""A drawing of a network, laid out from its forward equations: a column of units a layer, weights between them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from backproof.models.model import Model
from backproof.pages.explain.equations import FORWARD, Equations

LEFT, STEP, RADIUS, GAP, TOP = 90, 220, 17, 56, 92  # of the drawing's own units
MARK = "\u03c3"  # sigma: the one function that is applied entry by entry


@dataclass(frozen=True)
class Layer:
    """`units` of the array `name`; `weight` leads to them, `biases` are added, `after` is made of them one by one."""

    name: str
    units: int
    weight: str | None = None
    biases: tuple[str, ...] = ()
    after: tuple[str, ...] = ()


@dataclass
class Drawing:
    """Everything with the name of the array that it stands for; coordinates of the drawing's own units."""

    width: float
    height: float
    lines: list[dict[str, Any]] = field(default_factory=list)
    units: list[dict[str, Any]] = field(default_factory=list)
    texts: list[dict[str, Any]] = field(default_factory=list)
    said: str = ""


def layers(model: Model, found: Equations, shapes: Mapping[str, tuple[int, ...]]) -> list[Layer]:
    """From the input on. A forward line with parameters makes a layer, one without is applied to the layer before."""
    source = next(name for name in model.data if name != "y")
    made = [Layer(source, shapes[source][0])]
    for each in (each for each in found if each.kind == FORWARD):
        params = [name for name in each.depends if name in model.params]
        if params:
            made.append(Layer(each.target, shapes[each.target][0], params[0], tuple(params[1:])))
        else:
            last = made.pop()
            made.append(Layer(last.name, last.units, last.weight, last.biases, (*last.after, each.target)))
    return made


def drawing(model: Model, found: Equations, shapes: Mapping[str, tuple[int, ...]]) -> Drawing:
    """The drawing of a network whose arrays have these shapes."""
    columns = layers(model, found, shapes)
    axes = {name: f"({', '.join(letters.split())})" for name, letters in model.shapes.items()}
    axes |= {each.target: each.shape for each in found}
    backward = {each.of: each.target for each in found if each.of is not None}
    middle = TOP + GAP * (max(layer.units for layer in columns) - 1) / 2
    bottom = 2 * middle - TOP + 62
    made = Drawing(LEFT * 2 + STEP * len(columns), bottom + 72)

    def text(x: float, y: float, name: str, written: str, role: str = "name") -> None:
        made.texts.append(dict(x=x, y=y, name=name, text=written, role=role))

    def places(layer: Layer, number: int) -> list[tuple[float, float]]:
        return [(LEFT + STEP * number, middle + GAP * (i - (layer.units - 1) / 2)) for i in range(layer.units)]

    for number, layer in enumerate(columns):
        x, here = LEFT + STEP * number, places(layer, number)
        if layer.weight:
            for x1, y1 in places(columns[number - 1], number - 1):
                made.lines += [
                    dict(x1=x1 + RADIUS, y1=y1, x2=x2 - RADIUS, y2=y2, name=layer.weight, role="weight")
                    for x2, y2 in here
                ]
            text(x - STEP / 2, 24, layer.weight, f"{layer.weight} {axes[layer.weight]}")
            if layer.weight in backward:
                text(x - STEP / 2, bottom + 30, backward[layer.weight], backward[layer.weight], "back")
        for name in layer.biases:
            text(x, 24, name, f"+ {name} {axes[name]}")
            made.lines.append(dict(x1=x, y1=32, x2=x, y2=here[0][1] - RADIUS - 4, name=name, role="bias"))
            if name in backward:
                text(x, bottom + 48, backward[name], backward[name], "back")
        shown = layer.after[-1] if layer.after else layer.name
        made.units += [dict(x=x, y=y, r=RADIUS, name=shown, mark=MARK if layer.after else "") for x, y in here]
        text(x, bottom - 16, layer.name, f"{layer.name} {axes[layer.name]}")
        for name in layer.after:
            text(x + 88, bottom - 16, name, f"{name} {axes[name]}")
        if layer.name in backward:
            text(x, bottom + 30, backward[layer.name], f"{backward[layer.name]} {axes[backward[layer.name]]}", "back")
    end = LEFT + STEP * len(columns)
    made.lines.append(dict(x1=end - STEP + RADIUS, y1=middle, x2=end - 34, y2=middle, name="loss", role="flow"))
    made.lines.append(dict(x1=end, y1=32, x2=end, y2=middle - 20, name="y", role="flow"))
    text(end, 24, "y", f"y {axes['y']}")
    text(end, middle + 5, "loss", "loss", "loss")
    made.lines.append(dict(x1=end, y1=bottom + 6, x2=LEFT, y2=bottom + 6, name="", role="back"))
    made.said = f"{' to '.join(f'{layer.name} ({layer.units} units)' for layer in columns)}, then the loss against y"
    return made
