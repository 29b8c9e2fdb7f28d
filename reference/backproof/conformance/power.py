"""The power of the suite: which mutants a run of cells killed, and what let the others live."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from backproof.conformance.decide import Report
from backproof.verdicts.judgement import Verdict


@dataclass(frozen=True)
class Fate:
    """What became of one mutant in one model: the cells it was run in, and those that failed it."""

    model: str
    mutant: str
    cells: int
    failed: int
    errors: int
    reason: str | None  # of a survivor

    @property
    def killed(self) -> bool:
        return self.failed > 0


def fates(reports: Sequence[Report]) -> list[Fate]:
    """Every mutant's fate. A mutant is killed where a cell says FAIL; an ERROR or INCONCLUSIVE kills nothing."""
    grouped: dict[tuple[str, str], list[Report]] = {}
    for report in reports:
        grouped.setdefault((report.cell.problem.model, report.cell.series), []).append(report)
    found = []
    for (model, mutant), own in grouped.items():
        failed = sum(report.verdict is Verdict.FAIL for report in own)
        reasons = [report.reason for report in own if report.reason]
        errors = sum(report.verdict is Verdict.ERROR for report in own)
        why = None if failed else (reasons or ["every cell passes"])[0]
        found.append(Fate(model, mutant, len(own), failed, errors, why))
    return found


def power_table(found: Sequence[Fate]) -> Iterator[RenderableType]:
    """A row a model: mutants killed of all, and the one that the fewest cells saw; then every survivor."""
    if not found:
        return
    drawn = Table("model", "killed", "hardest to see")
    for model in dict.fromkeys(fate.model for fate in found):
        own = [fate for fate in found if fate.model == model]
        hardest = min(own, key=lambda fate: fate.failed / fate.cells)
        killed = sum(fate.killed for fate in own)
        drawn.add_row(model, f"{killed} / {len(own)}", f"{hardest.mutant} ({hardest.failed} of {hardest.cells} cells)")
    yield Text("mutants, deliberately wrong gradients: killed where some cell says FAIL")
    yield drawn
    for fate in found:
        if not fate.killed:
            yield Text(f"SURVIVOR {fate.model} {fate.mutant}: {fate.reason}", "bold red")
        if fate.errors:
            yield Text(f"ERROR {fate.model} {fate.mutant}, in {fate.errors} cells", "bold red")
    killed = sum(fate.killed for fate in found)
    yield Text(f"killed {killed} / {len(found)}", "green" if killed == len(found) else "bold red")
