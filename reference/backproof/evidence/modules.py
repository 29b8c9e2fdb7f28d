"""From what Python opens to what was written: sources behind bytecode, archives, and what stands beside a source."""

import os
import sys
from collections.abc import Iterator
from functools import cache
from importlib.machinery import SourcelessFileLoader
from importlib.util import cache_from_source, source_from_cache, source_hash
from pathlib import Path

from backproof.evidence.fingerprint import installed

NATIVE = (".c", ".cc", ".cpp", ".cu", ".cuh", ".cxx", ".f", ".f90", ".h", ".hpp", ".metal", ".pyx")  # for compilers
TIMED, UNCHECKED = b"\0\0\0\0", b"\1\0\0\0"  # bytecode of a source by its time, or of whatever it is now (PEP 552)


def sources(path: str) -> Iterator[str]:
    """The file itself; of bytecode its source, and of a name inside an archive the archive. With a user's Python file
    come the sources for compilers beside it, which Python does not open."""
    if path.endswith(".pyc") and (source := _source(path)) and os.path.isfile(source):
        path = source
    while not os.path.lexists(path) and os.path.isfile(above := _archive(path)):
        path = above
    yield path
    if path.endswith(".py") and installed(path) is None:
        yield from _beside(os.path.dirname(path))


def stale(path: str) -> str | None:
    """Why the text of a user's Python file is not what ran: Python takes bytecode for that of a source by size and
    time alone. None where they agree."""
    if not path.endswith(".py") or installed(path) is not None:
        return None
    try:
        bytecode, text, status = cache_from_source(path), Path(path).read_bytes(), os.stat(path)
        header = Path(bytecode).read_bytes()[:16]
        if header[4:8] == TIMED:
            stamps = (int(status.st_mtime), status.st_size)
            used = header[8:] == b"".join((stamp & 0xFFFFFFFF).to_bytes(4, "little") for stamp in stamps)
        else:
            used = header[4:8] == UNCHECKED or header[8:] == source_hash(text)
        if used and SourcelessFileLoader("", bytecode).get_code("") != compile(text, path, "exec", dont_inherit=True):
            return f"{os.path.basename(path)} ran from bytecode of another text"
    except (OSError, NotImplementedError, ImportError, ValueError, EOFError, TypeError, SyntaxError, RecursionError):
        return None  # no bytecode, or none that Python would take
    return None


def package(module: str) -> str:
    """The folder of the outermost package that a loaded module is in, or its own file; "" where it has none."""
    top = module.partition(".")[0]
    places = list(getattr(sys.modules.get(top), "__path__", ()))
    file = getattr(sys.modules.get(top), "__file__", None)
    place = places[0] if places else file
    return os.path.abspath(place) if isinstance(place, str) else ""


def _source(path: str) -> str | None:
    try:
        return source_from_cache(path)
    except (ValueError, NotImplementedError):  # bytecode that stands alone
        return None


def _archive(path: str) -> str:
    parent = os.path.dirname(path)
    while parent != os.path.dirname(parent) and not os.path.lexists(parent):
        parent = os.path.dirname(parent)
    return parent


@cache
def _beside(folder: str) -> tuple[str, ...]:
    """In a package with all its folders, elsewhere in the folder alone."""
    inside = Path(folder).rglob("*") if os.path.isfile(os.path.join(folder, "__init__.py")) else Path(folder).glob("*")
    return tuple(sorted(str(file) for file in inside if file.suffix in NATIVE))
