"""Which expression of the user's file made a node."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from types import CodeType

Span = tuple[int, int, int, int]  # line, column, end line, end column
_traced_files: list[str] = []


@contextmanager
def source_lines(path: str) -> Iterator[None]:
    """Nodes made within this block remember the expression in the file `path` that made them."""
    _traced_files.append(path)
    try:
        yield
    finally:
        _traced_files.pop()


def span() -> Span | None:
    """The expression that calls the caller's caller from the file being traced; None where no file is."""
    frame = sys._getframe(2) if _traced_files else None
    while frame is not None and frame.f_code.co_filename != _traced_files[-1]:
        frame = frame.f_back
    if frame is None:
        return None
    line, end_line, column, end_column = _positions(frame.f_code)[frame.f_lasti // 2]
    return line or frame.f_lineno, column or 0, end_line or frame.f_lineno, end_column or 0


@cache
def _positions(code: CodeType) -> list[tuple[int | None, int | None, int | None, int | None]]:
    return list(code.co_positions())
