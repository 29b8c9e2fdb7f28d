"""What a file or folder holds, as one short text: equal texts mean equal contents, whatever the times say.

One kind of file is not read: those above `LARGE` bytes that came with an installed distribution, Python or the system.
They are known by size, time of change and inode, since reading the gigabytes of PyTorch takes longer than its cells.
"""

import hashlib
import os
import stat
import sys
import sysconfig
from functools import cache
from pathlib import Path

LARGE = 16 * 2**20  # bytes
ABSENT = "absent"
SITES = ("site-packages", "dist-packages")
SYSTEM = ("/usr/", "/lib/", "/lib64/", "/opt/", "/System/", "/Library/")
PYTHON = (os.path.join(sys.base_prefix, "bin", ""), os.path.join(sys.base_prefix, "lib", ""))
STDLIB = tuple({sysconfig.get_path("stdlib") + os.sep, sysconfig.get_path("platstdlib") + os.sep})


def fingerprint(path: str) -> str:
    """The content of a file as "sha256:...", a folder's names as "names:..."; "absent" where there is nothing."""
    try:
        status = os.stat(path)
        if stat.S_ISDIR(status.st_mode):
            return (
                "names:"
                + hashlib.sha256("\0".join(sorted(os.listdir(path))).encode(errors="surrogateescape")).hexdigest()
            )
        if not stat.S_ISREG(status.st_mode):  # a pipe would block
            return "special"
        if status.st_size > LARGE and _shipped(path):
            return f"stat:{status.st_size}:{status.st_mtime_ns}:{status.st_ino}"
        with open(path, "rb") as file:
            return "sha256:" + hashlib.file_digest(file, "sha256").hexdigest()
    except (FileNotFoundError, NotADirectoryError):
        return ABSENT
    except (OSError, ValueError):
        return "unreadable"


def site(path: str) -> tuple[str, str] | None:
    """The site-packages folder that a path is in, and the rest of the path; None elsewhere."""
    parts = path.split(os.sep)
    for place, part in enumerate(parts[:-1]):
        if part in SITES:
            return os.sep.join(parts[: place + 1]), os.sep.join(parts[place + 1 :])
    return None


def installed(path: str) -> str | None:
    """The folder of the distribution, of Python or of the system that a path belongs to; None for a user's own."""
    found = site(path)
    if found:
        folder, inside = found
        top, below, _ = inside.partition(os.sep)
        return os.path.join(folder, top) if below else folder
    if path.startswith(STDLIB):
        return next(folder for folder in STDLIB if path.startswith(folder)).rstrip(os.sep)
    return os.path.dirname(path) if path.startswith(SYSTEM + PYTHON) else None


def _shipped(path: str) -> bool:
    """Whether a file came with a distribution that lists it, with Python or with the system."""
    found = site(path)
    return f"\n{found[1]}," in _recorded(found[0]) if found else installed(path) is not None


@cache
def _recorded(folder: str) -> str:
    """The RECORDs of a site-packages folder, one below another."""
    records = sorted(Path(folder).glob("*.dist-info/RECORD"))
    return "\n" + "\n".join(record.read_text(encoding="utf-8", errors="replace") for record in records)
