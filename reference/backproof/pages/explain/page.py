"""A pass as a page: the network drawn, every equation with its numbers, and what each name is made of."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from backproof.descent import least_squares
from backproof.pages.explain.drawing import drawing
from backproof.pages.explain.equations import BACKWARD, FORWARD, GRADIENT, LOSS, Equations
from backproof.pages.explain.passes import DIGITS, Pass, Step
from backproof.pages.explain.text import short
from backproof.pages.render import render

HERE = Path(__file__).parent
STEPS = 30
SAID = {
    FORWARD: ("Forward", "Every value is stored, and used again on the way back."),
    LOSS: ("Loss", "One number: the mean of the squared residuals."),
    BACKWARD: ("Backward", "dV is the loss differentiated by V, of V's shape."),
    GRADIENT: ("Gradients", "What descent subtracts, times the learning rate."),
}


def page(shown: Pass) -> str:
    """The page, whole."""
    model = shown.model
    found = Equations.read(model)
    shapes = {name: np.shape(array) for name, array in shown.arrays.items()}
    shapes |= {step.equation.target: np.shape(step.value) for step in shown.steps}
    moves = _moves(shown) if model.is_regression else None
    return render(
        "explain.html.j2",
        {"explain": HERE / "assets" / "explain.js"},
        {
            "depends": {each.target: each.depends for each in found},
            "arrays": _arrays(shown),
            "moves": moves,
        },
        folder=HERE / "templates",
        styles=[HERE / "assets" / "explain.css"],
        model=model.name,
        title=model.title,
        summary=model.summary,
        sizes=", ".join(f"{letter} = {size}" for letter, size in shown.dims.items()),
        seed=shown.seed,
        drawing=drawing(model, found, shapes),
        hidden="k" in shown.dims,
        features="n" in shown.dims,
        parts=_parts(shown),
        inputs=_inputs(shown),
        digits=f"{DIGITS} digits",
        moves=moves is not None,
        line="x" in shown.arrays,
        last=STEPS,
        examples=shown.dims["m"],
        rate="" if moves is None else f"{moves['learning_rate']:.3g}",
    )


def _parts(shown: Pass) -> list[dict[str, Any]]:
    known = {*shown.arrays, *(step.equation.target for step in shown.steps), "m"}
    kinds = dict.fromkeys(step.equation.kind for step in shown.steps)
    return [
        {
            "kind": kind,
            "title": SAID[kind][0],
            "said": SAID[kind][1],
            "steps": [_step(step, known) for step in shown.steps if step.equation.kind == kind],
        }
        for kind in kinds
    ]


def _step(step: Step, known: set[str]) -> dict[str, Any]:
    index = step.worst
    certified, radius = step.certified(index)
    return {
        "target": step.equation.target,
        "tokens": [{"text": text, "name": text in known} for text in re.findall(r"\w+|\W+", step.equation.text)],
        "shape": step.equation.shape,
        "rows": _rows(step.value),
        "index": f"[{', '.join(map(str, index))}]" if index else "",
        "computed": f"{step.value[index]:.17g}",
        "certified": certified,
        "radius": short(radius),
    }


def _inputs(shown: Pass) -> Iterator[dict[str, Any]]:
    for name, array in shown.arrays.items():
        what = "parameter" if name in shown.model.params else "data"
        yield {"name": name, "shape": _axes(shown, name), "rows": _rows(array), "what": what}


def _axes(shown: Pass, name: str) -> str:
    return f"({', '.join(shown.model.shapes[name].split())})"


def _rows(array: Any) -> list[list[str]]:
    return [[f"{value:.6g}" for value in row] for row in np.atleast_2d(array)]


def _arrays(shown: Pass) -> dict[str, Any]:
    """What the panel says of every name."""
    told: dict[str, Any] = {"m": {"shape": "", "what": f"the number of examples, {shown.dims['m']}"}}
    for name, array in shown.arrays.items():
        what = "a parameter" if name in shown.model.params else "data"
        entries = [[_index(index), f"{array[index]:.17g}"] for index in np.ndindex(array.shape)]
        told[name] = {"shape": _axes(shown, name), "what": what, "entries": entries}
    for step in shown.steps:
        equation = step.equation
        entries = [
            [_index(index), f"{step.value[index]:.17g}", step.certified(index)[0], short(step.certified(index)[1])]
            for index in np.ndindex(np.shape(step.value))
        ]
        what = f"{equation.target} = {equation.text}"
        told[equation.target] = {"shape": equation.shape, "what": what, "entries": entries, "certified": True}
    return told


def _index(index: tuple[int, ...]) -> str:
    return f"[{','.join(map(str, index))}]" if index else ""


def _moves(shown: Pass) -> Mapping[str, Any]:
    """A regression's descent on the pass's own data, by the model's own equations, with its predictions."""
    model, found = shown.model, Equations.read(shown.model)
    data = {name: shown.arrays[name] for name in model.data}
    params = {name: shown.arrays[name] for name in model.params}
    rate = 0.5 / float(least_squares.curvatures(data["x" if "x" in data else "X"])[-1])
    steps = []
    for _ in range(STEPS + 1):
        values = found.run({**params, **data})
        told = {name: np.asarray(value).tolist() for name, value in params.items()}
        steps.append({**told, "loss": float(values["loss"]), "y_hat": values["y_hat"][0].tolist()})
        params = {name: value - rate * values[f"d{name}"] for name, value in params.items()}
    x = data["x"][0].tolist() if "x" in data else None
    return {"learning_rate": rate, "x": x, "y": data["y"][0].tolist(), "steps": steps}
