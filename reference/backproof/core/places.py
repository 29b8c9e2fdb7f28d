"""Where a result goes: a stream, a device, or a file that is replaced whole; each tried as it will be written."""

from __future__ import annotations

import errno
import fcntl
import os
import re
import secrets
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

PREFIX, SUFFIX = ".backproof-", ".tmp"  # of a file that is being written: `sweep` knows it, and so does a person
_DESCRIPTOR = re.compile(r"/(?:dev/fd|proc/self/fd)/(\d+)")
_STREAMS = {"-": 1, "/dev/stdin": 0, "/dev/stdout": 1, "/dev/stderr": 2}


def descriptor(path: str) -> int | None:
    """The open descriptor that a path names: of "-", of /dev/stdout, of a shell's >(...); else None."""
    found = _DESCRIPTOR.fullmatch(path)
    return int(found[1]) if found else _STREAMS.get(path)


def is_standard_output(path: str | None) -> bool:
    """Whether a result goes where the table would."""
    return path is not None and descriptor(path) == 1


def identity(path: str) -> tuple[int, int] | str:
    """What two paths have in common that lead to one file."""
    try:
        number = descriptor(path)
        found = os.stat(path) if number is None else os.fstat(number)
        return found.st_dev, found.st_ino
    except OSError:
        return str(Path(path).resolve())


def check(path: str) -> None:
    """OSError where `write` could not do its work: what it will do is done, but for the writing itself."""
    number = descriptor(path)
    if number is not None:
        if fcntl.fcntl(number, fcntl.F_GETFL) & os.O_ACCMODE == os.O_RDONLY:
            raise OSError(errno.EBADF, "it is open for reading only")
        return
    found = _stat(path)
    if found is not None and not stat.S_ISREG(found.st_mode):
        if not os.access(path, os.W_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        return
    target = Path(path).resolve()
    try:
        if found is not None:
            os.close(os.open(target, os.O_WRONLY))
            return  # in place, if the folder does not let it be replaced
    except OSError as error:
        if error.errno not in (errno.EACCES, errno.ETXTBSY) or not _replaceable(target, found):
            raise
    sweep(target.parent)
    with _temporary(target.parent):
        pass


def write(path: str, data: bytes) -> None:
    """Write to a stream or device as it is; a file whole or not at all, its mode kept. Raises OSError.

    Where a folder refuses that a file be replaced (one that is mounted by itself, or another's in a sticky folder), it
    is written in place."""
    number = descriptor(path)
    if number is not None:
        sys.stdout.flush()
        with open(os.dup(number), "wb") as stream:  # shares its position: what is printed later follows
            stream.write(data)
        return
    found = _stat(path)
    if found is not None and not stat.S_ISREG(found.st_mode):
        with open(path, "wb") as device:
            device.write(data)
        return
    target = Path(path).resolve()
    sweep(target.parent)
    try:
        with _temporary(target.parent) as (file, name):
            _write_all(file, data)
            os.fsync(file)
            os.fchmod(file, stat.S_IMODE(found.st_mode) if found else 0o666 & ~_umask())
            if found and (found.st_uid, found.st_gid) != (os.geteuid(), os.getegid()):
                with suppress(OSError):  # root alone can
                    os.fchown(file, found.st_uid, found.st_gid)
                    os.fchmod(file, stat.S_IMODE(found.st_mode))  # chown clears set-id bits
            os.replace(name, target)
    except OSError as error:
        if found is None or error.errno not in (errno.EACCES, errno.EPERM, errno.EBUSY, errno.EXDEV, errno.EROFS):
            raise
        with open(target, "r+b") as kept:
            kept.write(data)
            kept.truncate()
            kept.flush()
            os.fsync(kept.fileno())


def sweep(folder: Path) -> None:
    """Remove what writers left behind that were killed: their locks ended with them."""
    with suppress(OSError):
        for entry in list(os.scandir(folder)):
            if entry.name.startswith(PREFIX) and entry.name.endswith(SUFFIX):
                with suppress(OSError):
                    file = os.open(entry.path, os.O_WRONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
                    try:
                        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                        os.unlink(entry.path)
                    finally:
                        os.close(file)


@contextmanager
def _temporary(folder: Path) -> Iterator[tuple[int, str]]:
    """A new file, open and locked, and its name; gone in the end unless it was renamed."""
    while True:
        name = str(folder / f"{PREFIX}{secrets.token_hex(8)}{SUFFIX}")
        file = os.open(name, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with suppress(OSError):  # a file system without locks: it is not swept there either
                fcntl.flock(file, fcntl.LOCK_EX)
            if os.fstat(file).st_nlink == 0:  # swept between the two: another name, then
                continue
            try:
                yield file, name
            finally:
                with suppress(FileNotFoundError):
                    os.unlink(name)
            return
        finally:
            os.close(file)


def _replaceable(target: Path, found: os.stat_result | None) -> bool:
    """Whether a folder lets a file that is not open to us be replaced: a sticky one, its owner's alone."""
    folder, me = os.stat(target.parent), os.geteuid()
    sticky = folder.st_mode & stat.S_ISVTX and found is not None
    return os.access(target.parent, os.W_OK) and not (sticky and found and me not in (0, found.st_uid, folder.st_uid))


def _stat(path: str) -> os.stat_result | None:
    try:
        return os.stat(path)
    except FileNotFoundError:
        return None


def _write_all(file: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(file, view) :]


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
