"""Whose a series is: `backend:series` of a registered backend, `module:attr:series` or `module:attr` of any other."""

from importlib.util import find_spec

from backproof.core.errors import InputError
from backproof.hosting.registry import UNREGISTERED, registered


def backend_of(series: str) -> str:
    """The backend of a series, as a worker takes it. Raises InputError where there is none of this name."""
    head, *rest = series.split(":")
    known = registered()
    if head in known or head in UNREGISTERED:
        return head
    top = head.partition(".")[0]
    if not rest or (top.isidentifier() and find_spec(top) is None):
        raise InputError(
            f"--series is {series}: there is no backend or module {head}; a series is named as backend:series, of "
            f"{', '.join(known)}, or as module:attr or module:attr:series of any other"
        )
    return f"{head}:{rest[0]}"
