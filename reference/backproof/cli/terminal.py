"""What a person sees: results on standard output, progress on standard error; plain text in a pipe."""

from collections.abc import Iterable, Iterator
from typing import TypeVar

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

T = TypeVar("T")


def results_console(*machine_outputs: str | None) -> Console:
    """Where results for people go: standard output, or standard error where that belongs to a machine ("-")."""
    return Console(stderr="-" in machine_outputs, highlight=False)


def track(items: Iterable[T], total: int, what: str) -> Iterator[T]:
    """Iterate with a progress bar and an estimate, shown only on a terminal."""
    console = Console(stderr=True)
    columns = (
        TextColumn(what),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        yield from progress.track(items, total=total)
