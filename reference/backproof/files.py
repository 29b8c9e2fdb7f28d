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
    """InputError where a result could not be written to one of `paths` (None and "-" can); asked before long work."""
    for path in paths:
        if path is None or path == "-":
            continue
        folder = Path(path).resolve().parent
        if Path(path).is_dir():
            raise InputError(f"{path} is a folder; give the name of a file")
        if not folder.is_dir():
            raise InputError(f"{path} cannot be written: there is no folder {folder}; make it, or name another file")
        if not os.access(folder, os.W_OK):
            raise InputError(f"{path} cannot be written: no permission in {folder}; name another file")


def write(path: str, text: str) -> None:
    """Write `text` to `path` atomically ("-" is standard output). Raises InputError where that fails."""
    if path == "-":
        sys.stdout.write(text)
        return
    target = Path(path)
    temporary = None
    try:
        with tempfile.NamedTemporaryFile("w", encoding="utf-8", dir=target.parent, delete=False) as file:
            temporary = Path(file.name)
            file.write(text)
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
    write(path, json.dumps(_plain(value), indent=2, allow_nan=False) + "\n")


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
