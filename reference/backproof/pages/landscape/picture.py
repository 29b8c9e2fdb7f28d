"""The landscape as a picture to project: contours, surface, learning rates side by side. Needs matplotlib."""

from __future__ import annotations

from typing import Any

import numpy as np

from backproof.pages.landscape.scene import GRID, Floats, Scene

LEVELS = 16
RED, ORANGE, INK, QUIET, PALE = "#d62728", "#ff9f1c", "#1b1f24", "#57606a", "#ffffff"
START: dict[str, Any] = dict(color=RED, markeredgecolor=PALE, markeredgewidth=1.5, zorder=7)
GOAL: dict[str, Any] = dict(color=PALE, markeredgecolor=INK, zorder=6.5)
PATH: dict[str, Any] = dict(color=ORANGE, marker="o", markeredgecolor=INK, markeredgewidth=0.5, zorder=6)
STYLES = {  # colour, marker, line: none of them alone is the sign
    "too small": ("#7a5200", "o", "-"),
    "good": ("#1a6b3c", "s", "--"),
    "oscillating": ("#0b57d0", "^", "-."),
    "divergent": ("#b3261e", "D", ":"),
}


def figure(scene: Scene) -> Any:
    """A matplotlib figure, 16 : 10."""
    from matplotlib.figure import Figure

    drawn: Any = Figure(figsize=(16, 10), layout="constrained")
    drawn.get_layout_engine().set(h_pad=0.1, w_pad=0.1, hspace=0.04, wspace=0.02)
    top, bottom = drawn.add_gridspec(2, 1, height_ratios=(1.75, 1))
    left, right = top.subgridspec(1, 2, width_ratios=(1.15, 1))
    _contours(drawn, drawn.add_subplot(left), scene)
    _surface(drawn.add_subplot(right, projection="3d", computed_zorder=False), scene)
    panels = bottom.subgridspec(1, 5, width_ratios=(1, 1, 1, 1, 1.5))
    for number, (trial, path) in enumerate(zip(scene.trials, scene.trial_paths, strict=True)):
        _trial(drawn.add_subplot(panels[number]), scene, trial.label, trial.rate, path)
    _falls(drawn.add_subplot(panels[4]), scene)
    drawn.suptitle(title(scene), fontsize=17)
    return drawn


def title(scene: Scene) -> str:
    """What is shown, in a line."""
    end = scene.descent.end
    least = "" if scene.least is None else f"; least possible {scene.least:.4f}"
    steps = f"{end.step} steps of {scene.backend} at learning rate {scene.descent.learning_rate:.3g}"
    return f"{scene.descent.model.name}: {steps}, loss {scene.descent.path[0].loss:.4f} to {end.loss:.4f}{least}"


def levels(scene: Scene) -> Floats:
    """Losses at which contours stand: closer together near the least, where little changes."""
    finite = scene.losses[np.isfinite(scene.losses)]
    low, high = float(finite.min()), float(finite.max())
    return low + (high - low if high > low else 1.0) * np.linspace(0, 1, LEVELS + 1) ** 2


def _contours(drawn: Any, axes: Any, scene: Scene) -> None:
    filled = axes.contourf(scene.u, scene.v, scene.losses, levels(scene), cmap="viridis", extend="max")
    axes.contour(scene.u, scene.v, scene.losses, levels(scene), colors=PALE, linewidths=0.5, alpha=0.5)
    bar = drawn.colorbar(filled, ax=axes, pad=0.02, fraction=0.05, ticks=levels(scene)[::2], format="%.3g")
    bar.set_label("loss" if scene.plane.whole else "loss on the plane", fontsize=12)
    axes.scatter(*scene.samples.T, marker="x", s=22, color=PALE, linewidths=0.9, alpha=0.8)
    axes.plot([], [], "x", color=QUIET, label=f"random search, first {len(scene.samples)} draws")
    axes.plot(*scene.path.T, color=INK, linewidth=3.2, alpha=0.8)
    axes.plot(*scene.path.T, linewidth=1.8, markersize=5, **PATH, label=f"descent, {scene.backend}")
    axes.plot(*scene.path[0], "o", markersize=13, **START, label="start")
    if scene.optimum is not None:
        axes.plot(*scene.optimum, "*", markersize=20, **GOAL, label="optimum (least squares)")
    else:
        axes.plot(*scene.path[-1], "P", markersize=13, **GOAL, label="end")
    _framed(axes, scene)
    axes.set_xlabel(scene.plane.labels[0], fontsize=13)
    axes.set_ylabel(scene.plane.labels[1], fontsize=13)
    axes.legend(fontsize=11, framealpha=0.92)


def _surface(axes: Any, scene: Scene) -> None:
    U, V = np.meshgrid(scene.u, scene.v)
    axes.plot_surface(U, V, scene.losses, cmap="viridis", rcount=GRID, ccount=GRID, alpha=0.9, rasterized=True)
    axes.contour(U, V, scene.losses, levels(scene)[1::2], colors=PALE, linewidths=0.6, alpha=0.6)
    on = np.array([scene.plane.loss(float(u), float(v), scene.descent.data) for u, v in scene.path])
    lift = 0.015 * float(np.nanmax(scene.losses) - np.nanmin(scene.losses))  # above what it would lie in
    axes.plot(*scene.path.T, on + lift, linewidth=2.5, markersize=4, **PATH)
    axes.plot(*scene.path[:1].T, on[:1] + lift, "o", markersize=11, **START)
    for set_label, set_ticks, label in (
        (axes.set_xlabel, axes.xaxis.set_major_locator, _short(scene.plane.labels[0])),
        (axes.set_ylabel, axes.yaxis.set_major_locator, _short(scene.plane.labels[1])),
        (axes.set_zlabel, axes.zaxis.set_major_locator, "loss"),
    ):
        set_label(label, fontsize=12, labelpad=10)
        set_ticks(_few(5))
    axes.view_init(elev=34, azim=-62)
    axes.set_box_aspect((1, 1, 0.7), zoom=0.93)
    if not scene.plane.whole:
        axes.set_title("the path is projected onto the plane", fontsize=11, color=QUIET)


def _short(label: str) -> str:
    return label.partition(" (")[0]


def _few(ticks: int) -> Any:
    from matplotlib.ticker import MaxNLocator

    return MaxNLocator(ticks)


def _trial(axes: Any, scene: Scene, label: str, rate: float, path: Floats) -> None:
    colour, marker, line = STYLES[label]
    axes.contour(scene.u, scene.v, scene.losses, levels(scene), colors="#9ba6b2", linewidths=0.7)
    axes.plot(*path.T, line, color=colour, linewidth=1.6, marker=marker, markersize=4.5)
    axes.plot(*path[0], "o", markersize=9, **START)
    if scene.optimum is not None:
        axes.plot(*scene.optimum, "*", markersize=13, **GOAL)
    _framed(axes, scene)
    axes.set_title(f"{label}: {rate:.3g}", fontsize=13, color=colour)
    axes.tick_params(labelsize=9)
    axes.xaxis.set_major_locator(_few(4))
    axes.yaxis.set_major_locator(_few(4))
    axes.set_xlabel(_short(scene.plane.labels[0]), fontsize=9)


def _falls(axes: Any, scene: Scene) -> None:
    start = scene.descent.path[0].loss
    lowest = min(point.loss for trial in scene.trials for point in trial.path)
    for trial in scene.trials:
        colour, marker, line = STYLES[trial.label]
        steps, losses = np.array([(point.step, point.loss) for point in trial.path]).T
        label = f"{trial.label}, {trial.rate:.3g}"
        axes.semilogy(steps, losses, line, color=colour, marker=marker, markersize=3.5, label=label)
    if scene.least is not None:
        axes.axhline(scene.least, color=INK, linewidth=0.8, dashes=(6, 3))
    axes.set_ylim(0.9 * lowest, 12 * start)
    axes.set(xlabel="step", title="loss by learning rate")
    axes.grid(True, which="both", alpha=0.25)
    axes.legend(fontsize=10, framealpha=0.92)


def _framed(axes: Any, scene: Scene) -> None:
    axes.set(xlim=(scene.u[0], scene.u[-1]), ylim=(scene.v[0], scene.v[-1]), aspect="equal")
