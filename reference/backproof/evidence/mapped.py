"""The files that this process has mapped: libraries, those that libraries load themselves, and mapped data."""

import os
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

MAPS = Path("/proc/self/maps")
FILE = re.compile(rb" [1-9]\d* +(/.*)$", re.MULTILINE)  # after its inode
DELETED = " (deleted)"
NO_FILES = ("/dev/", "/memfd:", "/SYSV", "/proc/", "/anon_hugepage")


class Mapped:
    """Looked at again and again; only what is new is told."""

    def __init__(self) -> None:
        self._seen: set[bytes] = set()
        self._gone: list[str] = []
        self._files: list[str] = []
        self._links: dict[str, dict[str, list[str]]] = {}  # by folder, what leads to a file in it

    def gone(self) -> list[str]:
        """Files that are mapped, and at their places no more: replaced or removed since. Looks afresh."""
        self._look()
        gone, self._gone = self._gone, []
        return gone

    def files(self) -> Iterator[str]:
        """Files, and the links beside them that lead to them: a library is found by its link."""
        files, self._files = self._files, []
        for name in files:
            yield name
            folder = os.path.dirname(name)
            if folder not in self._links:
                self._links[folder] = _links(folder)
            yield from self._links[folder].get(name, ())

    def _look(self) -> None:
        try:
            new = set(FILE.findall(MAPS.read_bytes())) - self._seen
        except OSError:  # another system: what `ctypes` and imports load is seen, what these load is not
            return
        self._seen |= new
        for name in sorted(map(os.fsdecode, new)):
            if not name.startswith(NO_FILES):
                (self._gone if name.endswith(DELETED) else self._files).append(name.removesuffix(DELETED))


def _links(folder: str) -> dict[str, list[str]]:
    found = defaultdict(list)
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.is_symlink():
                    found[os.path.realpath(entry.path)].append(entry.path)
    except OSError:
        return {}
    return found
