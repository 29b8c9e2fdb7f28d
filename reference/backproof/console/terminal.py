"""What a person sees: results on standard output, progress on standard error; plain text in a pipe.

Colours are for terminals: none in a pipe, none at all where NO_COLOR is set (https://no-color.org). Nothing that is
printed is read as markup or emoji: `jax:loop:` stays what it is.
"""

import os
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.segment import Segment
from rich.status import Status
from rich.text import Text

from backproof.core.errors import visible
from backproof.core.places import is_standard_output

T = TypeVar("T")


class PlainConsole(Console):
    """A console that prints text as it is, and lets the command end where the reader of its output went away."""

    def __init__(self, stderr: bool = False, quiet: bool = False) -> None:
        super().__init__(
            stderr=stderr,
            quiet=quiet,
            highlight=False,
            markup=False,
            emoji=False,
            color_system=None if os.environ.get("NO_COLOR") else "auto",
        )

    def render_str(self, text: str, **options: Any) -> Text:
        """As Rich's, letters that would act on a terminal shown as escapes before anything is measured."""
        return super().render_str(_shown(text), **options)

    def render(self, renderable: Any, options: Any = None) -> Iterator[Segment]:
        """As Rich's; what reached it as text of its own is escaped here."""
        for text, style, control in super().render(renderable, options):
            yield Segment(text if control else _shown(text), style, control)

    def on_broken_pipe(self) -> None:
        raise BrokenPipeError


def results_console(*machine_outputs: str | None) -> Console:
    """Where results for people go: standard output, or standard error where that belongs to a machine ("-")."""
    return PlainConsole(stderr=any(map(is_standard_output, machine_outputs)))


def _shown(text: str) -> str:
    return text if text.isprintable() else "\n".join(map(visible, text.split("\n")))


class Bar:
    """Progress and an estimate of the time left, while the bar is shown."""

    def __init__(self, progress: Progress, what: str, total: int) -> None:
        self._progress = progress
        self._task = progress.add_task(what, total=total)

    def advance(self, steps: int = 1, what: str | None = None) -> None:
        """`steps` more are done; now it is at `what`."""
        self._progress.update(self._task, advance=steps, description=what)

    def at(self, done: int, total: int, what: str) -> None:
        """`done` of `total`, which may have become known just now, and what comes next."""
        self._progress.update(self._task, completed=done, total=total, description=what)

    @contextmanager
    def hidden(self) -> Iterator[None]:
        """For results that are printed on the way."""
        self._progress.stop()
        yield
        self._progress.start()


@contextmanager
def bar(total: int, what: str) -> Iterator[Bar]:
    """A progress bar on standard error, shown only where that is a terminal, and gone at the end."""
    shown = sys.stderr.isatty()
    progress = Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=20),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
        console=PlainConsole(stderr=True, quiet=not shown),  # rich < 14.3 ends a disabled bar with a newline
        transient=True,
        redirect_stdout=False,  # it may be a file while standard error is a terminal
        disable=not shown,
    )
    with progress:
        yield Bar(progress, what, total)


def track(items: Iterable[T], total: int, what: str) -> Iterator[T]:
    """Iterate with a progress bar."""
    with bar(total, what) as shown:
        for item in items:
            yield item
            shown.advance()


@contextmanager
def activity(what: str) -> Iterator[Callable[[str], None]]:
    """A line that says what goes on, for work whose length nothing tells; shown only on a terminal."""
    console = PlainConsole(stderr=True)
    if not sys.stderr.isatty():
        yield lambda text: None
        return
    with Status(Text(what), console=console) as status:
        yield lambda text: status.update(Text(text))
