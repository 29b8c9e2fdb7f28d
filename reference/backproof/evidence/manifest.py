"""A manifest: what a process read, and where and as what it ran, to be compared with what is there another time."""

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pkgutil import get_importer
from typing import Any

from backproof.evidence.fingerprint import ABSENT, installed


@dataclass
class Manifest:
    """`files` and `modules` are by path and by name: fingerprints, and where Python finds a module (None: nowhere).

    `path` is the `sys.path` of the start, `path_at_end` that of the end. `variables` holds digests of values: a value
    may be a secret. `unknown` says what could not be recorded: then nothing may be concluded from the rest.
    """

    files: dict[str, str] = field(default_factory=dict)
    modules: dict[str, list[str] | None] = field(default_factory=dict)
    facts: dict[str, str] = field(default_factory=dict)
    variables: dict[str, str] = field(default_factory=dict)
    path: list[str] = field(default_factory=list)
    path_at_end: list[str] = field(default_factory=list)
    package: str = ""  # the folder or file of the backend's own module
    rewritten: list[str] = field(default_factory=list)  # files that the process itself wrote, as they were last
    unknown: list[str] = field(default_factory=list)

    @classmethod
    def from_plain(cls, said: Any) -> "Manifest":
        """What another process noted, as `vars` of its manifest. Raises TypeError where it is not of that form."""

        def texts(value: Any) -> bool:
            return isinstance(value, list) and all(isinstance(item, str) for item in value)

        def is_like(value: Any, example: Any) -> bool:
            if isinstance(example, dict):
                return isinstance(value, dict) and all(isinstance(name, str) for name in value)
            return texts(value) if isinstance(example, list) else isinstance(value, str)

        empty = vars(cls())
        if (
            not isinstance(said, dict)
            or said.keys() != empty.keys()
            or not all(is_like(said[name], example) for name, example in empty.items())
            or not all(isinstance(v, str) for name in ("files", "facts", "variables") for v in said[name].values())
            or not all(v is None or texts(v) for v in said["modules"].values())
        ):
            raise TypeError("what it says that it read cannot be read")
        return cls(**said)

    def merge(self, more: "Manifest") -> None:
        """Add what was seen later. A file that had another content in between makes all unknown."""
        for path, told in more.files.items():
            if self.files.get(path, told) != told and path not in more.rewritten:
                self.unknown.append(f"{os.path.basename(path)} changed during the run")
            self.files[path] = told
        self.modules |= more.modules
        self.facts = self.facts or more.facts
        self.variables |= more.variables
        self.path, self.package = self.path or more.path, self.package or more.package
        self.path_at_end = more.path_at_end or self.path_at_end
        self.unknown = list(dict.fromkeys([*self.unknown, *more.unknown]))

    def code(self) -> dict[str, str]:
        """The fingerprints of the backend's own package and of all files that are not installed, by names that do not
        depend on where they are."""
        named: dict[str, str] = {}
        for path, told in sorted(self.files.items()):
            own = bool(self.package) and (path == self.package or path.startswith(self.package + os.sep))
            if told != ABSENT and (own or installed(path) is None):
                start = os.path.dirname(self.package)
                name = (
                    os.path.relpath(path, start)
                    if start and path.startswith(start + os.sep)
                    else os.path.basename(path)
                )
                named[name] = told if name not in named else hashlib.sha256((named[name] + told).encode()).hexdigest()
        return named

    def digest(self) -> str:
        """One SHA-256, in hexadecimal, of `code`."""
        return hashlib.sha256(repr(sorted(self.code().items())).encode()).hexdigest()

    def as_json(self) -> dict[str, Any]:
        """Plain values; files that are installed by folder, with one digest for all of a folder."""
        own = {path: told for path, told in self.files.items() if installed(path) is None}
        return vars(self) | {"files": dict(sorted(own.items())), "installed": _by_folder(self.files)}


def _by_folder(files: Mapping[str, str]) -> list[dict[str, Any]]:
    folders: dict[str, dict[str, str]] = {}
    for path, told in sorted(files.items()):
        if (folder := installed(path)) is not None:
            folders.setdefault(folder, {})[os.path.relpath(path, folder)] = told
    return [{"folder": f, "digest": together(inside), "files": list(inside)} for f, inside in sorted(folders.items())]


def together(files: Mapping[str, str]) -> str:
    """One digest of names and fingerprints."""
    return hashlib.sha256("".join(f"{name}\0{told}\n" for name, told in files.items()).encode()).hexdigest()


def secret(value: str | None) -> str:
    """A variable's value, not to be read from it; "unset" where there is none."""
    return "unset" if value is None else hashlib.sha256(value.encode(errors="surrogateescape")).hexdigest()[:16]


def locate(name: str, path: list[str]) -> list[str] | None:
    """Where Python's own search finds a module from `path`: its file, or a namespace's folders; None for nowhere.

    Nothing is imported, nor need a parent be. What other finders find is nowhere, the one time as the other.
    """
    places: list[str] = path
    found: list[str] | None = None
    full = ""
    for part in name.split("."):
        full = f"{full}.{part}" if full else part
        found, places = _among(full, places)
        if found is None:
            return None
    return found


def _among(name: str, places: list[str]) -> tuple[list[str] | None, list[str]]:
    """A module in the first of `places` that has it, or the folders of a namespace; and where its own modules are."""
    portions: list[str] = []
    for place in places:
        try:
            finder = get_importer(place)
            spec = finder.find_spec(name) if finder is not None and hasattr(finder, "find_spec") else None
        except (ImportError, ValueError, OSError):
            continue
        if spec is None:
            continue
        inside = list(spec.submodule_search_locations or ())
        if spec.loader is not None:
            return [spec.origin or ""], inside
        portions += inside
    return portions or None, portions
