"""`backproof descend --out`: what is needed for it, in the order it is asked for."""

from pathlib import Path

from backproof.core import files
from backproof.core.errors import InputError
from backproof.descent.problem import Problem
from backproof.pages import pictures, render
from backproof.pages.landscape.plane import plane
from backproof.pages.landscape.rates import FACTORS, Trial, compare
from backproof.pages.landscape.scene import GRID, Scene, scene
from backproof.pages.pictures import SUFFIXES
from backproof.pages.render import PAGES

__all__ = ["FACTORS", "GRID", "Trial", "check", "check_plane", "compare", "scene", "write"]


def check(out: str | None, chosen: str | None) -> None:
    """InputError where the picture `out` could not be drawn; asked before long work."""
    if out is None:
        if chosen is not None:
            raise InputError("--plane is of the picture; name one with --out FILE")
        return
    if Path(out).suffix in PAGES:
        render.needed(out)
    elif Path(out).suffix in SUFFIXES:
        pictures.needed(out)
    else:
        raise InputError(f"--out {out} is no picture; name it {', '.join(SUFFIXES)} or {PAGES[0]}")


def check_plane(problem: Problem, chosen: str | None) -> None:
    """InputError where the model has no such plane; asked before long work."""
    plane(problem.model, [problem.start], chosen)


def write(drawn: Scene, out: str) -> None:
    """Draw it to the file `out`. Raises InputError where that cannot be written."""
    if Path(out).suffix in PAGES:
        from backproof.pages.landscape.page import page

        files.write(out, page(drawn))
    else:
        from backproof.pages.landscape.picture import figure

        pictures.save(figure(drawn), out)
