"""The code that verdicts are of: a digest of a Python file and of all it imports that is not installed."""

import ast
import hashlib
import sys
from collections.abc import Iterator, Sequence
from importlib.machinery import EXTENSION_SUFFIXES, PathFinder
from pathlib import Path

SOURCES = (".py", ".c", ".cc", ".cpp", ".h", ".hpp", ".cu", ".cuh", *EXTENSION_SUFFIXES)
INSTALLED = ("site-packages", "dist-packages")  # their versions tell of them


def digest(file: str | Path, path: Sequence[str] | None = None) -> str:
    """The SHA-256 of `file`, in hexadecimal, with the files of its package and whatever these import from elsewhere,
    wherever in the text, that is neither installed nor backproof itself (`own`). Imports are looked for in `path`
    (default: sys.path); one by a computed name is not seen.
    """
    path = sys.path if path is None else path
    found: dict[Path, str] = {}
    new = list(_unit(Path(file).resolve()))
    while new:
        source, name = new.pop()
        if source not in found:
            found[source] = name
            new += [unit for imported in _imports(source) for unit in _sources(imported, path)]
    return _digest(found)


def own() -> str:
    """The digest of backproof's own files: equations, bounds and verdicts."""
    return _digest(dict(_unit(Path(__file__).resolve())))


def _digest(files: dict[Path, str]) -> str:
    told = hashlib.sha256()
    for file, name in sorted(files.items(), key=lambda item: item[1]):
        told.update(f"{name}\0".encode() + hashlib.sha256(file.read_bytes()).digest())
    return told.hexdigest()


def _unit(file: Path) -> Iterator[tuple[Path, str]]:
    """A module's file, or those of the whole package it is in; and their names."""
    package = file.parent
    if not (package / "__init__.py").is_file():
        yield file, file.name
        return
    while (package.parent / "__init__.py").is_file():
        package = package.parent
    yield from _folder(package)


def _folder(package: Path) -> Iterator[tuple[Path, str]]:
    for file in package.rglob("*"):
        if file.name.endswith(SOURCES) and file.is_file():
            yield file, str(file.relative_to(package.parent))


def _imports(source: Path) -> set[str]:
    """The top names of what a Python file imports, absolutely."""
    try:
        nodes = list(ast.walk(ast.parse(source.read_bytes()))) if source.suffix == ".py" else []
    except (SyntaxError, ValueError, RecursionError):
        return set()
    names = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    names |= {node.module for node in nodes if isinstance(node, ast.ImportFrom) and node.module and not node.level}
    return {name.partition(".")[0] for name in names}


def _sources(name: str, path: Sequence[str]) -> Iterator[tuple[Path, str]]:
    """The files of a module or package by its name; nothing where it is installed, ours, or not to be found."""
    if name in sys.stdlib_module_names or name == "backproof":
        return
    spec = PathFinder.find_spec(name, path)
    if spec is None:
        return
    places = [Path(place).resolve() for place in spec.submodule_search_locations or ()]
    if spec.has_location and spec.origin:
        places = [Path(spec.origin).resolve()]
    for place in places:
        if not any(part in INSTALLED for part in place.parts):
            yield from _folder(place) if place.is_dir() else _unit(place)
