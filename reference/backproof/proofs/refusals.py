"""What is refused to a symbolic array, and remembered: a refusal spoils the run even where the code catches it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, NoReturn


class Unread(Exception):
    """The prover does not read this code; the message says what of it, and at which line."""


class Refused(TypeError):
    """An operation that a symbolic array has no answer to, such as its truth value."""


@dataclass
class Watch:
    """A run of the user's code: the files whose lines are reported, and what was refused."""

    files: Collection[str]
    refusals: list[str] = field(default_factory=list)
    conditions: set[Any] = field(default_factory=set)  # of Python's own numbers, which raise where there is one not met

    def line(self) -> int | None:
        """The line of the user's code that runs now."""
        frame = sys._getframe(1)
        while frame is not None and frame.f_code.co_filename not in self.files:
            frame = frame.f_back  # type: ignore[assignment]
        return None if frame is None else frame.f_lineno


_watches: list[Watch] = []


@contextmanager
def watched(files: Collection[str]) -> Iterator[Watch]:
    """Collects the refusals of the block, and the conditions on numbers."""
    watch = Watch(files)
    _watches.append(watch)
    try:
        yield watch
    finally:
        _watches.pop()


def current_line() -> str:
    """ " at line 7" of the code that is watched, or nothing."""
    line = _watches[-1].line() if _watches else None
    return "" if line is None else f" at line {line}"


def note(condition: Any) -> None:
    """Remember what the code needs even where its value is not used: 1 / (m - 5) raises at m = 5."""
    if _watches:
        _watches[-1].conditions.add(condition)


def refuse(what: str) -> NoReturn:
    """Remember the refusal, and raise Refused."""
    reason = f"{what}{current_line()}"
    if _watches:
        _watches[-1].refusals.append(reason)
    raise Refused(reason)


class Refusing:
    """A class whose instances answer nothing but what its subclass defines."""

    def __repr__(self) -> str:
        if _watches:
            refuse("makes text of a symbolic array")
        return f"<{type(self).__name__}>"

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):  # what Python, NumPy and SymPy ask of every object
            raise AttributeError(name)
        refuse(f"uses .{name}")


def _refusing(what: str) -> Callable[..., Any]:
    def refused(self: Refusing, *_: Any) -> Any:
        refuse(what)

    return refused


for _what, _methods in {
    "branches on a symbolic array": "bool",
    "compares a symbolic array": "eq ne lt le gt ge contains",
    "takes a number out of a symbolic array": "int float complex index round trunc floor ceil hash array",
    "indexes or loops over a symbolic array": "len iter getitem setitem reversed",
    "uses %, // or an operation on bits": "mod rmod floordiv rfloordiv divmod rdivmod and rand or ror xor rxor "
    "lshift rlshift rshift rrshift invert",
    "takes an absolute value": "abs",
    "raises to a power that is not a number": "pow rpow",
    "makes text of a symbolic array": "str format",
    "copies a symbolic array": "copy deepcopy reduce_ex",
}.items():
    for _method in _methods.split():
        setattr(Refusing, f"__{_method}__", _refusing(_what))
