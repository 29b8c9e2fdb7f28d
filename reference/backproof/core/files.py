"""Results on disk: whole or not at all, JSON that every parser reads."""

import importlib.util
import json
import math
import os
import stat
import sys
from collections.abc import Callable, Iterable, Mapping
from importlib.machinery import all_suffixes
from pathlib import Path
from types import TracebackType
from typing import Any

from backproof.core import places
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
        if not path:
            raise InputError("the name of a result file is empty; give one")
        try:
            folder, is_folder = Path(path).resolve().parent, Path(path).is_dir()
            if is_folder:
                raise InputError(f"{path} is a folder; give the name of a file")
            if places.descriptor(path) is None and not Path(path).exists() and not folder.is_dir():
                raise InputError(f"{path} cannot be written: there is no folder {folder}; make it, or {ANOTHER}")
            if path != "-":
                places.check(path)
        except InputError:
            raise
        except (OSError, RuntimeError, ValueError) as error:  # a name too long, a loop of links
            said = getattr(error, "strerror", None) or error
            raise InputError(f"{path} cannot be written: {said}; {ANOTHER}") from None
    files = [path for path in given if places.descriptor(path) is None]
    for path in files:
        if os.path.isfile(path) and os.path.realpath(path).lower().endswith(CODE):
            raise InputError(f"{path} is code, which a result would replace; {ANOTHER}")
    read = {name for path in reads if path is not None for name in _names(path)}
    for path in files:
        if read & _names(path):
            raise InputError(f"{path} is read by this very command, and a result would replace it; {ANOTHER}")
    goals = [places.identity(path) for path in given if Path(path).is_file() or not Path(path).exists()]
    streams = [path for path in given if places.is_standard_output(path)]
    for path in given:
        if goals.count(places.identity(path)) > 1 or (path in streams and len(streams) > 1):
            raise InputError(f"two results cannot both go to {path}; name another file for one of them")


def _names(path: str) -> set[Any]:
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
    not at all, even if the process is killed half-way. Raises InputError where that cannot be done.
    """
    data = content.encode(errors="backslashreplace") if isinstance(content, str) else content
    if path == "-":
        sys.stdout.flush()
        sys.stdout.buffer.write(data)  # in UTF-8, whatever the locale has
        sys.stdout.flush()
        return
    try:
        places.write(path, data)
    except BrokenPipeError:
        if places.is_standard_output(path):
            raise  # its reader went away, as `head` does
        raise InputError(f"{path} cannot be written: its reader is gone; {ANOTHER}") from None
    except OSError as error:
        raise InputError(f"{path} cannot be written: {error.strerror}; {ANOTHER}") from None


class Outputs:
    """The results of one command. One that cannot be written loses neither the others nor what is printed: what was
    wrong is raised at the end of the block, as an InputError."""

    def __init__(self) -> None:
        self._failed: list[str] = []

    def __enter__(self) -> "Outputs":
        return self

    def write(self, path: str | None, content: Callable[[], str | bytes]) -> None:
        """Write what `content` makes; nothing where there is no path."""
        if path is not None:
            self.save(lambda: write(path, content()))

    def save(self, write: Callable[[], None]) -> None:
        """Call what writes in its own way."""
        try:
            write()
        except InputError as error:
            self._failed.append(str(error))

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            self.finish()

    def finish(self) -> None:
        """Raise what was wrong, where no block ends."""
        if self._failed:
            raise InputError("; ".join(self._failed))


def write_json(path: str, value: Any) -> None:
    """Write `value` as JSON; numbers that are not finite become "nan", "inf", "-inf"."""
    write(path, json_text(value))


def json_text(value: Any) -> str:
    """`value` as JSON, so."""
    return json.dumps(plain(value), indent=2, allow_nan=False) + "\n"


def plain(value: Any) -> Any:
    """Nested values as JSON has them: keys are text, and so are numbers that are not finite."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value
