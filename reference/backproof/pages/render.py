"""Templates into one self-contained page: styles, scripts, data and Plotly inlined, and nothing else allowed to run."""

import base64
import gzip
import hashlib
import importlib.util
import json
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from backproof.core.errors import InputError
from backproof.core.files import plain

HERE = Path(__file__).parent
PAGES = (".html", ".htm")
MARKS = {"pass": "✓", "skip": "–", "inconclusive": "?", "fail": "✗", "error": "!"}  # colour is never the only sign


def needed(page: str) -> None:
    """InputError where the file `page` is not named as one, or a library of the extra `html` is missing; asked before
    long work."""
    if page != "-" and Path(page).suffix not in PAGES and (Path(page).is_file() or not Path(page).exists()):
        raise InputError(f"{page} is no name for an HTML page; it must end in {PAGES[0]}")
    missing = [name for name in ("jinja2", "plotly") if importlib.util.find_spec(name) is None]
    if missing:
        raise InputError(f"an HTML page needs {' and '.join(missing)}; pip install 'backproof[html]', or leave it out")


def render(
    template: str,
    scripts: Mapping[str, Path],
    data: Any,
    folder: Path = HERE / "templates",
    styles: Sequence[Path] = (),
    **told: Any,
) -> str:
    """The page of `template`, looked for in `folder` and beside the shared ones.

    `scripts` and `styles` are its own after the shared ones. `data` is what they read: packed, so that no text of it is
    ever markup. All that `told` says is escaped. The page's policy allows these very scripts and no request.
    """
    from jinja2 import Environment, FileSystemLoader, StrictUndefined
    from markupsafe import Markup

    script = _joined(HERE / "assets" / "page.js", *scripts.values())
    environment = Environment(
        loader=FileSystemLoader([folder, HERE / "templates"]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(template).render(
        marks=MARKS,
        style=Markup(_joined(HERE / "assets" / "page.css", *styles)),
        script=Markup(script),
        policy=f"script-src {_digest(script)} {_digest(plotly())}",
        plotly=pack(plotly()),
        data=pack(json.dumps(plain(data), separators=(",", ":"), allow_nan=False)),
        **told,
    ) + "\n"  # fmt: skip


def _joined(*files: Path) -> str:
    return "\n".join(file.read_text(encoding="utf-8") for file in files)


@cache
def plotly() -> str:
    """Plotly's own source, as its Python package brings it."""
    from plotly.offline import get_plotlyjs

    return str(get_plotlyjs())


def pack(text: str) -> str:
    """gzip in base64: small, and letters that mean nothing in HTML. The same text gives the same letters."""
    return base64.b64encode(gzip.compress(text.encode(), mtime=0)).decode()


def _digest(script: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'"
