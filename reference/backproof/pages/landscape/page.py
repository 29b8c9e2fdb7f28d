"""The landscape as a page to step through: every recorded step with its numbers beside the equations that made them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from backproof.descent.problem import Descent, Point
from backproof.pages.explain.equations import Equations
from backproof.pages.landscape.picture import title
from backproof.pages.landscape.scene import Floats, Scene
from backproof.pages.render import render

HERE = Path(__file__).parent
FEW = 3  # entries of an array that are shown
MOST_EXAMPLES = 20_000  # that a page carries, to be descended on in the page


def page(scene: Scene) -> str:
    """The page, whole. Univariate descents can be made anew in it, from another start and at another rate."""
    descent = scene.descent
    found = Equations.read(descent.model)
    anew = "x" in descent.data and descent.data["y"].size <= MOST_EXAMPLES and scene.plane.whole
    runs = [
        _run("as descended", descent.learning_rate, descent.path, scene.path, scene, found),
        *(
            _run(trial.label, trial.rate, trial.path, path, scene, found)
            for trial, path in zip(scene.trials, scene.trial_paths, strict=True)
        ),
    ]
    return render(
        "landscape.html.j2",
        {"univariate": HERE / "assets" / "univariate.js", "landscape": HERE / "assets" / "landscape.js"},
        {
            "labels": scene.plane.labels,
            "u": _short(scene.u),
            "v": _short(scene.v),
            "losses": _short(scene.losses),
            "optimum": None if scene.optimum is None else scene.optimum.tolist(),
            "least": scene.least,
            "samples": _short(scene.samples),
            "sample_losses": _short(scene.sample_losses),
            "equations": [vars(each) | {"shape": each.shape} for each in found],
            "params": list(descent.model.params),
            "few": FEW,
            "runs": runs,
            "data": {name: descent.data[name][0].tolist() for name in descent.model.data} if anew else None,
        },
        folder=HERE / "templates",
        styles=[HERE / "assets" / "landscape.css"],
        model=descent.model.name,
        said=title(scene),
        backend=scene.backend,
        anew=anew,
        whole=scene.plane.whole,
        labels=scene.plane.labels,
        runs=[(run["label"], f"{run['rate']:.3g}") for run in runs],
        start={name: f"{float(value):.6g}" for name, value in descent.path[0].params.items()} if anew else {},
        equations=found,
        params=descent.model.params,
        optimum=scene.optimum is not None,
        least=scene.least,
        best=float(scene.sample_losses.min()),
        samples=len(scene.samples),
        examples=descent.data["y"].size,
    )


def _run(
    label: str, rate: float, path: Sequence[Point], places: Floats, scene: Scene, found: Equations
) -> dict[str, Any]:
    """A recorded descent: every point with the value of every equation there."""
    points = [
        {
            "step": point.step,
            "loss": point.loss,
            "at": place.tolist(),
            "on": scene.plane.loss(float(place[0]), float(place[1]), scene.descent.data),
            "values": _values(scene.descent, point.params, found),
        }
        for point, place in zip(path, places, strict=True)
    ]
    return {"label": label, "rate": rate, "points": points}


def _values(descent: Descent, params: Mapping[str, Any], found: Equations) -> dict[str, Any]:
    """Parameters and targets: a number, or its first entries, shape and norm."""
    with np.errstate(over="ignore", invalid="ignore"):
        values = {**params, **found.run({**params, **descent.data})}
    return {name: _told(np.asarray(value)) for name, value in values.items()}


def _told(array: Floats) -> Any:
    if not array.shape:
        return float(array)
    with np.errstate(over="ignore"):
        norm = float(np.linalg.norm(array))
    return {"first": _short(array.ravel()[:FEW]), "shape": list(array.shape), "norm": float(f"{norm:.6g}")}


def _short(array: Floats) -> Any:
    """As nested lists, to six digits: what is drawn is not seen closer."""
    return np.frompyfunc(lambda value: float(f"{value:.6g}"), 1, 1)(array).tolist()
