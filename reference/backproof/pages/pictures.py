"""Pictures by matplotlib, which the extra `pictures` brings: asked for in time, written whole or not at all."""

import importlib.util
import io
from pathlib import Path
from typing import Any

from backproof.core.errors import InputError
from backproof.core.files import write

SUFFIXES = (".png", ".svg")
DPI = 120


def needed(*files: str) -> None:
    """InputError where matplotlib is missing, or one of `files` is no picture; asked before long work."""
    for file in files:
        if Path(file).suffix not in SUFFIXES:
            raise InputError(f"{file} is no picture; name it .png or .svg")
    if importlib.util.find_spec("matplotlib") is None:
        raise InputError("a picture needs matplotlib; pip install 'backproof[pictures]', or leave the picture out")


def save(figure: Any, file: str) -> None:
    """Write a matplotlib figure in the format its name ends in; the same figure gives the same bytes."""
    import matplotlib

    written, kind = io.BytesIO(), Path(file).suffix[1:]
    with matplotlib.rc_context({"svg.hashsalt": "backproof"}):
        metadata = {"Date": None} if kind == "svg" else None
        figure.savefig(written, format=kind, dpi=DPI, metadata=metadata, bbox_inches="tight")
    write(file, written.getvalue())
