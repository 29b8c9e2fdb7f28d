"""The house: rooms in one order, and every import between them points down, lazy imports and those for types too."""

import ast
from pathlib import Path

import pytest

import backproof

HOUSE = Path(backproof.__file__).parent
ROOMS = (  # bottom up: a room may import those before it
    "core", "models", "graph", "rounding", "truth", "verdicts", "evidence", "isolation", "console", "hosting",
    "mutants", "derivation", "conformance", "results", "proofs", "descent", "pages", "cli",
)  # fmt: skip
MODULES = {".".join(file.relative_to(HOUSE.parent).with_suffix("").parts): file for file in HOUSE.rglob("*.py")}


def room(module):
    """The room of `backproof.room.file`; None of the package itself, its `__init__` and `__main__`."""
    parts = module.split(".")
    return parts[1] if len(parts) > 2 and parts[1] != "__init__" else None


def imported(source):
    """The dotted names that a source imports, at any depth of its functions, each as far as it is a module."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute here"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def rooms_of(source):
    for name in imported(source):
        parts = name.split(".")
        if parts[0] == "backproof" and len(parts) > 1 and parts[1] in ROOMS:
            yield parts[1]


def test_every_file_is_in_a_room():
    loose = {module for module in MODULES if module.count(".") < 2}
    assert loose == {"backproof.__init__", "backproof.__main__"}
    assert {room(module) for module in MODULES} - {None} <= set(ROOMS)


@pytest.mark.parametrize("name", ROOMS)
def test_arrows_point_down(name):
    allowed = set(ROOMS[: ROOMS.index(name) + 1])
    up = {
        f"{module} -> {other}"
        for module, file in MODULES.items()
        if room(module) == name
        for other in rooms_of(file.read_text(encoding="utf-8"))
        if other not in allowed
    }
    assert not up


def test_lazy_and_typing_imports_count():
    lazy = "def f():\n    from backproof.cli import check\n"
    typing = "if TYPE_CHECKING:\n    import backproof.pages.render\n"
    package = "from backproof import conformance, errors\n"
    assert [*rooms_of(lazy), *rooms_of(typing), *rooms_of(package)] == ["cli", "pages", "conformance"]
