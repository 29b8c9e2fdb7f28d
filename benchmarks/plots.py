"""Three plots of a result: time a step against size, the roofline with the series on it, efficiency."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from backproof.core.errors import InputError
from backproof.core.files import check_writable
from backproof.pages.pictures import needed, save
from benchmarks.counts import on_roof, operations, size
from benchmarks.table import shares

MARKS = {"numpy": "o", "numba": "P", "jax": "s", "torch": "^"}


def check(folder: str) -> None:
    """InputError where matplotlib is missing or the folder cannot be made; asked before long work."""
    needed()
    if not folder:
        raise InputError("--plots is empty; name a folder")
    path = Path(folder)
    try:
        path.stat()
    except FileNotFoundError:  # it is made when there is something to put in
        nearest = next(parent for parent in path.absolute().parents if parent.exists())
        check_writable(str(nearest / path.name))
    except OSError as error:
        raise InputError(f"--plots {folder} cannot be made: {error.strerror}; name another folder") from None
    else:
        check_writable(*(str(path / f"{name}.png") for name in PLOTS))


def draw(result: Mapping[str, Any], folder: str) -> None:
    """time.png, roofline.png and efficiency.png in `folder`, which is made."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    Path(folder).mkdir(parents=True, exist_ok=True)
    timed = [r for r in result["results"] if r["verified"]]
    for name, plot in PLOTS.items():
        figure, axes = pyplot.subplots(figsize=(10, 6))
        plot(axes, timed, result["ceilings"])
        axes.grid(alpha=0.3)
        axes.legend(fontsize=7, loc="center left", bbox_to_anchor=(1, 0.5))
        save(figure, str(Path(folder) / f"{name}.png"))
        pyplot.close(figure)


def _series(timed: list[Any]) -> Iterator[tuple[list[Any], dict[str, Any]]]:
    """The results of each series and dtype, and how they are drawn: a colour a series, a mark a backend, float64
    hollow."""
    from matplotlib import colormaps

    names = sorted({r["series"] for r in timed})
    for number, series in enumerate(names):
        told = series
        for dtype in ("float32", "float64"):
            own = [r for r in timed if r["series"] == series and r["dtype"] == dtype]
            style = {
                "color": colormaps["tab20"](number % 20),
                "marker": MARKS.get(series.partition(":")[0], "D"),
                "fillstyle": "none" if dtype == "float64" else "full",
                "label": told,
            }
            if own:
                yield own, style
                told = "_"  # once in the legend


def _time(axes: Any, timed: list[Any], ceilings: Mapping[str, Any]) -> None:
    for own, style in _series(timed):
        own = sorted(own, key=size)
        axes.loglog([size(r) for r in own], [r["median"] for r in own], alpha=0.8, lw=0.8, **style)
    axes.set(
        xlabel="size of a step: m (n + 1) (k + 1)",
        ylabel="seconds a step, median",
        title="Time of a step (float64 hollow)",
    )


def _roofline(axes: Any, timed: list[Any], ceilings: Mapping[str, Any]) -> None:
    intensity = np.geomspace(0.1, 1e4, 200)
    for dtype, ceiling in ceilings.items():
        roof = np.minimum(ceiling["gemm_flops_per_s"], intensity * ceiling["read_bytes_per_s"])
        axes.loglog(intensity, roof, "k-" if dtype == "float32" else "k:", label=f"roof, {dtype}")
    counted = list(filter(on_roof, timed))
    if not counted:  # as of a derivation, whose products are not known
        axes.text(
            0.5, 0.5, "no series: their operations in products are not counted", transform=axes.transAxes, ha="center"
        )
    for own, style in _series(counted):
        flops, read = np.transpose([operations(r) for r in own])
        axes.loglog(flops / read, flops / [r["median"] for r in own], ls="", alpha=0.8, **style)
    axes.set(
        xlabel="operations in products per byte of data",
        ylabel="operations in products a second",
        title="Roofline (float64 hollow)",
    )


def _efficiency(axes: Any, timed: list[Any], ceilings: Mapping[str, Any]) -> None:
    cells = list(dict.fromkeys(r["cell"] for r in timed))
    for own, style in _series([r for r in timed if r["efficiency"] and shares(r)]):
        axes.plot([r["efficiency"] for r in own], [cells.index(r["cell"]) for r in own], ls="", alpha=0.8, **style)
    axes.axvline(1, color="k", lw=1, label="the floor")
    axes.set_yticks(range(len(cells)), cells, fontsize=7)
    axes.set(xlabel="floor / time (1: the floor)", xlim=(0, None), title="Efficiency (float64 hollow)")


PLOTS = {"time": _time, "roofline": _roofline, "efficiency": _efficiency}
