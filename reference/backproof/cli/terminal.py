"""What a person sees: results on standard output, progress on standard error; plain text in a pipe."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

T = TypeVar("T")


class _Console(Console):
    """A console that lets the command end where the reader of its output went away."""

    def on_broken_pipe(self) -> None:
        raise BrokenPipeError


def results_console(*machine_outputs: str | None) -> Console:
    """Where results for people go: standard output, or standard error where that belongs to a machine ("-")."""
    return _Console(stderr="-" in machine_outputs, highlight=False, markup=False)


def track(items: Iterable[T], total: int, what: str) -> Iterator[T]:
    """Iterate with a progress bar and an estimate, shown only on a terminal."""
    with _progress(what) as progress:
        yield from progress.track(items, total=total)


@contextmanager
def steps_bar(total: int, what: str) -> Iterator[Callable[[int], None]]:
    """A progress bar that is told how many steps were made."""
    with _progress(what) as progress:
        task = progress.add_task(what, total=total)
        yield lambda steps: progress.advance(task, steps)


def _progress(what: str) -> Progress:
    console = Console(stderr=True)
    columns = (
        TextColumn(what),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
    )
    return Progress(*columns, console=console, transient=True, disable=not console.is_terminal)
