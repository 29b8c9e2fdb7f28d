"""What cannot be followed in balls. A refusal counts even where the user's code catches it."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

_refusals: list[str] = []


class RefusedError(Exception):
    """An operation that the balls cannot follow."""


def refuse(what: str) -> NoReturn:
    """Note that `what` was refused, and raise RefusedError."""
    _refusals.append(what)
    raise RefusedError(what)


def refusals() -> list[str]:
    """What was refused since the last `forget`."""
    return _refusals


def forget() -> None:
    """Start a new run."""
    _refusals.clear()


@contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Refuse what takes longer, again and again where that is caught. For the main thread."""
    before = signal.signal(signal.SIGALRM, lambda number, frame: refuse(f"more than {seconds:g} s"))
    signal.setitimer(signal.ITIMER_REAL, seconds, 0.1)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
