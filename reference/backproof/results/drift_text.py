"""Drift for people: what changed since the baseline, gravest first."""

from collections import Counter
from collections.abc import Iterator, Sequence

from rich.text import Text

from backproof.results.drift import FACTOR, Change, Drift

LISTED = 8  # cells named one by one


def lines(drift: Drift) -> Iterator[Text]:
    """What differs, a finding a line; a line of its own where nothing does."""
    yield Text(f"since {drift.baseline} ({drift.compared} cell{'s' * (drift.compared != 1)} compared):")
    for what, then, now in drift.environment:
        yield Text(f"  {what}: {then} -> {now}", "dim")
    yield from _changes("new failures", drift.failures, "bold red")
    yield from _changes("other verdicts", drift.verdicts, "yellow")
    if drift.beyond:
        yield Text(f"  errors beyond their likely bounds, {FACTOR} times what they were or more:", "yellow")
    for growth in drift.beyond[:LISTED]:
        yield _whole(f"    {growth.where}: {growth.then:.3g} -> {growth.now:.3g} of the bound")
    yield from _rest(len(drift.beyond))
    for growth in drift.systematic:
        said = (
            f"errors grew {growth.factor:.3g}-fold in the median, in {growth.grew} of {growth.cells} cells that changed"
        )
        yield Text(f"  {growth.where}: {said}", "yellow")
    for what, ids in (("new", drift.new), ("gone", drift.gone)):
        if ids:
            counts = Counter(_backend(identity) for identity in ids)
            yield Text(f"  cells {what}: " + ", ".join(f"{count} of {name}" for name, count in counts.items()), "dim")
    if drift.not_asked:
        counts = Counter(option for _, option in drift.not_asked)
        options = ", ".join(f"{count} by {option}" for option, count in counts.items())
        yield Text(f"  cells that were not asked for now: {options}", "dim")
    if not drift.compared:
        yield Text("  nothing to compare: no cell of this run is in the earlier one", "yellow")
    elif not (drift.failures or drift.verdicts or drift.beyond or drift.systematic):
        yield Text("  no drift: every verdict is the same, and no error grew beyond noise", "green")


def _changes(what: str, changes: Sequence[Change], style: str) -> Iterator[Text]:
    if changes:
        yield Text(f"  {what} ({len(changes)}):", style)
    for change in changes[:LISTED]:
        yield _whole(f"    {change.id}: {change.then} -> {change.now}")
        if why := f"known failure, {change.known}" if change.known else change.reason:
            yield Text(f"      {why}")
    yield from _rest(len(changes))


def _rest(count: int) -> Iterator[Text]:
    if count > LISTED:
        yield Text(f"    ... and {count - LISTED} more; --json lists them all")


def _whole(line: str) -> Text:
    return Text(line, no_wrap=True, overflow="ignore")  # an id is never broken


def _backend(identity: str) -> str:
    return identity.partition(":")[0].partition("-")[2]
