"""Results on disk: whole or not at all, JSON that every parser reads."""

import importlib.util
import json
import math
import os
import stat
import sys
import tempfile
from collections.abc import Iterable, Mapping
from importlib.machinery import all_suffixes
from itertools import combinations
from pathlib import Path
from typing import Any

from backproof.core.errors import InputError

MOST_TEXT = 2**30  # bytes, of which a few times as many are needed

CODE = (  # endings of files that no result replaces
    *all_suffixes(), ".pyi", ".pyx", ".ipynb", ".zip", ".whl", ".c", ".cc", ".cpp", ".cu", ".cuh", ".h", ".hpp", ".a",
    ".dylib", ".dll",
)  # fmt: skip


def check_writable(*paths: str | None, reads: Iterable[str | None] = ()) -> None:
    """Asked before long work. InputError where a result could not be written to one of `paths` (None and "-" can),
    where it would replace source code or a file that the command `reads`, and where two results would go to one place:
    by whatever name, link or hard link."""
    given = [path for path in paths if path is not None]
    for path in given:
        if path == "-":
            continue
        if not path:
            raise InputError("the name of a result file is empty; give one")
        target = Path(path)
        try:
            folder, is_folder = target.resolve().parent, target.is_dir()
        except (OSError, RuntimeError, ValueError) as error:  # a name too long, a loop of links
            said = getattr(error, "strerror", None) or error
            raise InputError(f"{path} cannot be written: {said}; name another file") from None
        if is_folder:
            raise InputError(f"{path} is a folder; give the name of a file")
        if not folder.is_dir():
            raise InputError(f"{path} cannot be written: there is no folder {folder}; make it, or name another file")
        if target.exists() and not target.is_file():  # a device, a pipe
            if not os.access(target, os.W_OK):
                raise InputError(f"{path} cannot be written: no permission; name another file")
            continue
        try:
            tempfile.TemporaryFile(dir=folder).close()
        except OSError as error:
            raise InputError(f"{path} cannot be written in {folder}: {error.strerror}; name another file") from None
    files = [path for path in given if path != "-"]
    for path in files:
        if os.path.isfile(path) and os.path.realpath(path).lower().endswith(CODE):
            raise InputError(f"{path} is code, which a result would replace; name another file")
    read = {place for path in reads if path is not None for place in _places(path)}
    for path in files:
        if read & _places(path):
            raise InputError(f"{path} is read by this very command, and a result would replace it; name another file")
    for first, second in combinations(given, 2):
        if first == second or ("-" not in (first, second) and _places(first) & _places(second)):
            raise InputError(f"two results cannot both go to {second}; name another file for one of them")


def _places(path: str) -> set[Any]:
    """What is equal for two names of one file: the path without links, and the inode of a file that is there."""
    try:
        status = os.stat(path)
        inode = {(status.st_dev, status.st_ino)} if stat.S_ISREG(status.st_mode) else set()
    except (OSError, ValueError):
        inode = set()
    try:
        return {os.path.realpath(path), *inode}
    except (OSError, ValueError):  # a name that no file can have
        return set()


ANOTHER = "name another file"


def check_size(path: str, hint: str = ANOTHER) -> None:
    """InputError where a file that is read whole, as text, has more than MOST_TEXT bytes."""
    try:
        size = os.path.getsize(path)
    except (OSError, ValueError):  # whoever reads it says so
        return
    if size > MOST_TEXT:
        raise InputError(f"{path} has {size / 2**30:.3g} GiB, of text at most {MOST_TEXT >> 30} is read; {hint}")


def read_text(path: str, hint: str = ANOTHER) -> str:
    """The UTF-8 text in a file or pipe, be the pipe endless. Raises InputError where there is none, or too much."""
    check_size(path, hint)
    try:
        if not (Path(path).is_file() or Path(path).is_fifo() or not Path(path).exists()):
            raise InputError(f"{path} is no file")
        with open(path, "rb") as file:
            text = file.read(MOST_TEXT + 1)
        if len(text) > MOST_TEXT:
            raise InputError(f"{path} goes on beyond {MOST_TEXT >> 30} GiB, of text no more is read; {hint}")
        return text.decode("utf-8-sig")
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise InputError(f"{path} cannot be read: it is no UTF-8 text") from None


def read_source(path: str | Path) -> str:
    """A Python file's text as Python itself reads it: without a byte order mark, in the encoding that it declares."""
    data = Path(path).read_bytes()
    try:
        return importlib.util.decode_source(data)
    except (SyntaxError, UnicodeDecodeError):  # it changed since it was loaded
        return data.decode(errors="replace")


def write(path: str, content: str | bytes) -> None:
    """Write `content`, a text in UTF-8, to `path` ("-" is standard output), atomically where that is a file: whole or
    not at all.

    A link is followed; a device or pipe is written to as it is. Raises InputError where that fails.
    """
    data = content.encode(errors="backslashreplace") if isinstance(content, str) else content
    if path == "-":
        sys.stdout.flush()
        sys.stdout.buffer.write(data)  # in UTF-8, whatever the locale has
        sys.stdout.flush()
        return
    temporary = None
    try:
        target = Path(path).resolve()
        if target.exists() and not target.is_file():
            target.write_bytes(data)
            return
        with tempfile.NamedTemporaryFile("wb", dir=target.parent, delete=False) as file:
            temporary = Path(file.name)
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.chmod(0o666 & ~_umask())
        temporary.replace(target)
        temporary = None
    except OSError as error:
        raise InputError(f"{path} cannot be written: {error.strerror}; name another file") from None
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)


def write_json(path: str, value: Any) -> None:
    """Write `value` as JSON; numbers that are not finite become "nan", "inf", "-inf"."""
    write(path, json.dumps(plain(value), indent=2, allow_nan=False) + "\n")


def plain(value: Any) -> Any:
    """Nested values as JSON has them: keys are text, and so are numbers that are not finite."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
