"""A step's time over the number of ranks: measured here, and as the model predicts it for more examples."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from backproof.pages.pictures import save
from benchmarks.scaling_model import EXAMPLES, parameters, predicted

SIZES = (EXAMPLES, 10**9, 10**12)


def draw(told: Mapping[str, Any], out: str) -> None:
    """Write the picture `out`."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(8, 5))
    ranks = np.unique(np.geomspace(1, 10**6, 200).round())
    for color, (backend, found) in zip(("C0", "C1"), told["backends"].items(), strict=False):
        for style, examples in zip(("-", "--", ":"), SIZES, strict=True):
            label = f"{backend}: {examples:.2g} examples, by the model"
            axes.loglog(
                ranks, predicted(found["model"], ranks, examples, parameters()), style, color=color, label=label
            )
        for marker, filled in (("o", True), ("x", False)):
            runs = [run for run in found["runs"] if run["oversubscribed"] is not filled]
            label = f"{backend}: measured" + ("" if filled else ", more ranks than cores")
            axes.loglog([r["ranks"] for r in runs], [r["strong"] for r in runs], marker, color=color, label=label)
    axes.set(xlabel="ranks, a core each", ylabel="seconds a step")
    axes.legend(fontsize=7)
    save(figure, out)
