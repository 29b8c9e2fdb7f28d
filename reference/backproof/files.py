"""Results on disk: whole or not at all, JSON that every parser reads."""

import json
import math
import os
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from backproof.errors import InputError


def check_writable(*paths: str | None) -> None:
    """Asked before long work. InputError where a result could not be written to one of `paths` (None and "-" can),
    or where two results would go to one place."""
    given = [path for path in paths if path is not None]
    for path in given:
        if path == "-":
            continue
        if not path:
            raise InputError("the name of a result file is empty; give one")
        target = Path(path)
        try:
            folder, is_folder = target.resolve().parent, target.is_dir()
        except OSError as error:  # a name too long, a loop of links
            raise InputError(f"{path[:60]} cannot be written: {error.strerror}; name another file") from None
        if is_folder:
            raise InputError(f"{path} is a folder; give the name of a file")
        if not folder.is_dir():
            raise InputError(f"{path} cannot be written: there is no folder {folder}; make it, or name another file")
        if not os.access(target if target.exists() and not target.is_file() else folder, os.W_OK):
            raise InputError(f"{path} cannot be written: no permission in {folder}; name another file")
    places = [path if path == "-" else str(Path(path).resolve()) for path in given]
    for path in given:
        if places.count(path if path == "-" else str(Path(path).resolve())) > 1:
            raise InputError(f"two results cannot both go to {path}; name another file for one of them")


def write(path: str, content: str | bytes) -> None:
    """Write `content`, a text in UTF-8, to `path` ("-" is standard output), atomically where that is a file: whole or
    not at all.

    A link is followed; a device or pipe is written to as it is. Raises InputError where that fails.
    """
    if path == "-" and isinstance(content, str):
        sys.stdout.write(content)
        sys.stdout.flush()
        return
    data = content.encode() if isinstance(content, str) else content
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
    except OSError as error:
        if temporary is not None:
            temporary.unlink(missing_ok=True)
        raise InputError(f"{path} cannot be written: {error.strerror}; name another file") from None


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
