"""What cannot be followed in balls. A refusal counts even where the user's code catches it."""

from __future__ import annotations

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
