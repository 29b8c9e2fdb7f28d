"""Three plots of a result: time a step against size, the roofline with the series on it, efficiency."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from backproof.errors import InputError
from backproof.pictures import needed


def check(folder: str) -> None:
    """InputError where matplotlib is missing or the folder cannot be made; asked before long work."""
    needed()
    try:
        Path(folder).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"--plots {folder} cannot be made: {error.strerror}; name another folder") from None


def draw(result: Mapping[str, Any], folder: str) -> None:
    """time.png, roofline.png and efficiency.png in `folder`."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    timed = [r for r in result["results"] if r["verified"]]
    for name, plot in {"time": _time, "roofline": _roofline, "efficiency": _efficiency}.items():
        figure, axes = pyplot.subplots(figsize=(9, 6))
        plot(axes, timed, result["ceilings"])
        axes.legend(fontsize=7)
        figure.tight_layout()
        figure.savefig(Path(folder) / f"{name}.png", dpi=120)
        pyplot.close(figure)


def _multiplications(r: Mapping[str, Any]) -> float:
    shape = r["shape"]
    return float(shape["m"]) * ((shape["n"] or 1) + 1) * ((shape["k"] or 0) + 1)


def _time(axes: Any, timed: list[Any], ceilings: Mapping[str, Any]) -> None:
    for series in dict.fromkeys(r["series"] for r in timed):
        own = sorted((r for r in timed if r["series"] == series), key=_multiplications)
        axes.loglog([_multiplications(r) for r in own], [r["median"] for r in own], "o", label=series, alpha=0.7)
    axes.set(xlabel="size of a step: m (n + 1) (k + 1)", ylabel="seconds a step, median")


def _roofline(axes: Any, timed: list[Any], ceilings: Mapping[str, Any]) -> None:
    intensity = np.geomspace(0.1, 1e4, 50)
    for dtype, ceiling in ceilings.items():
        roof = np.minimum(ceiling["gemm_flops_per_s"], intensity * ceiling["read_bytes_per_s"])
        axes.loglog(intensity, roof, label=f"roof, {dtype}")
    for series in dict.fromkeys(r["series"] for r in timed if r["efficiency"]):
        own = [r for r in timed if r["series"] == series and r["efficiency"]]
        flops = [4 * r["shape"]["m"] * (r["shape"]["n"] or 1) * (r["shape"]["k"] or 1) for r in own]
        size = [8 if r["dtype"] == "float64" else 4 for r in own]
        read = [((r["shape"]["n"] or 1) + 1) * r["shape"]["m"] * s for r, s in zip(own, size, strict=True)]
        rates = [f / r["median"] for f, r in zip(flops, own, strict=True)]
        axes.loglog(np.array(flops) / np.array(read), rates, "o", label=series, alpha=0.7)
    axes.set(xlabel="operations in products per byte of data", ylabel="operations in products a second")


def _efficiency(axes: Any, timed: list[Any], ceilings: Mapping[str, Any]) -> None:
    cells = list(dict.fromkeys(r["cell"] for r in timed))
    for series in dict.fromkeys(r["series"] for r in timed if r["efficiency"]):
        own = [r for r in timed if r["series"] == series and r["efficiency"]]
        axes.plot([r["efficiency"] for r in own], [cells.index(r["cell"]) for r in own], "o", label=series, alpha=0.7)
    axes.set_yticks(range(len(cells)), cells, fontsize=7)
    axes.set(xlabel="floor / time", xlim=(0, None))
