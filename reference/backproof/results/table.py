"""A run's results for people: the closing table and what failed, as rich renderables of 80 columns."""

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from textwrap import fill

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from backproof.conformance.decide import Report
from backproof.conformance.offers import NotOffered
from backproof.conformance.session import Session
from backproof.results.encode import summary
from backproof.verdicts.judgement import Judgement, Verdict

STYLES = {
    Verdict.PASS: "green",
    Verdict.FAIL: "bold red",
    Verdict.ERROR: "bold red",
    Verdict.INCONCLUSIVE: "yellow",
    Verdict.SKIP: "dim",
}
LISTED = 8  # cells named one by one
WIDTH = 80


def headings(session: Session) -> Iterator[Text]:
    """What is about to be checked, with the settings in force, and what is not, with the reason."""
    for backend in session.backends:
        here = [s.name for s in backend.series if any(backend.runs(s, device) for device in backend.devices)]
        series = ", ".join(here) if len(here) < 10 else f"{len(here)} series"
        settings = ", ".join(f"{key} {value}" for key, value in backend.settings.items())
        said = f"{backend.name} {backend.version}: {series} on {', '.join(backend.devices)}"
        yield Text(fill(f"{said} ({settings})" if settings else said, WIDTH, subsequent_indent="  "))
    for reason in session.missing.values():
        yield Text(f"not checked: {reason}", "yellow")


def table(reports: Sequence[Report], not_offered: Sequence[NotOffered] = ()) -> Table:
    """A column a model; a row of counts for every verdict of a backend, then the worst error over its bound."""
    models = list(dict.fromkeys(report.cell.problem.model for report in reports))
    lacking = [(gap.backend, gap.model) for gap in not_offered if gap.model and not gap.series]
    backends = [*(report.cell.backend for report in reports), *(backend for backend, _ in lacking)]
    drawn = Table()
    drawn.add_column("backend", overflow="fold")
    drawn.add_column("cells", no_wrap=True)
    for model in models:
        drawn.add_column(model.replace("two_layer_", "two_layer\n_"), justify="right", no_wrap=True)
    for backend in dict.fromkeys(backends):
        own = [[r for r in reports if (r.cell.backend, r.cell.problem.model) == (backend, model)] for model in models]
        name = backend
        for verdict in sorted({r.verdict for some in own for r in some}, key=lambda verdict: -verdict.gravity):
            counts = [sum(r.verdict is verdict for r in some) for some in own]
            drawn.add_row(name, _word(verdict), *(str(count or "") for count in counts), style=STYLES[verdict])
            name = ""
        if any((backend, model) in lacking for model in models):
            marks = ("-" if (backend, model) in lacking else "" for model in models)
            drawn.add_row(name, "not offered", *marks, style="dim", end_section=not any(own))
        if not any(own):
            continue
        worst = [max((r.worst for r in some if r.worst is not None), default=None) for some in own]
        drawn.add_row("", "worst", *("" if w is None else f"{w:.2g}" for w in worst), style="dim", end_section=True)
    return drawn


def gaps(not_offered: Sequence[NotOffered]) -> Iterator[Text]:
    """What of the matrix the backends declare they do not have."""
    for backend in dict.fromkeys(gap.backend for gap in not_offered):
        own = [gap for gap in not_offered if gap.backend == backend]
        said = [gap.model or gap.dtype or "" for gap in own if gap.series is None]
        for series in dict.fromkeys(gap.series for gap in own if gap.series):
            lacks = [gap.model or gap.dtype or gap.device or "" for gap in own if gap.series == series]
            said.append(f"{series} ({', '.join(lacks)})")
        yield Text(f"not offered by {backend}: {', '.join(said)}", "dim")


def _word(verdict: Verdict) -> str:
    return verdict.value.upper() if verdict in (Verdict.FAIL, Verdict.ERROR) else verdict.value


def findings(reports: Sequence[Report]) -> Iterator[RenderableType]:
    """The cells that did not pass, gravest first, with reason and numbers; the same reason is told once."""
    for known, count in Counter(report.known for report in reports if report.known).items():
        yield Text(f"known failure ({count}) {known}", "dim")
    for verdict in (Verdict.ERROR, Verdict.FAIL, Verdict.INCONCLUSIVE, Verdict.SKIP):
        found = [report for report in reports if report.verdict is verdict and not report.known]
        if verdict in (Verdict.INCONCLUSIVE, Verdict.SKIP):
            for reason, count in Counter(report.reason for report in found).most_common(LISTED):
                yield Text(f"{_word(verdict)} ({count}) {reason}", STYLES[verdict])
            continue
        for report in found[:LISTED]:
            yield Text(_word(verdict), STYLES[verdict])
            yield _id(report, STYLES[verdict])
            yield Text("\n".join(f"  {line}" for line in _lines(report)))
        if len(found) > LISTED:
            yield Text(f"... and {len(found) - LISTED} more {_word(verdict)}; --json lists them all")


def _id(report: Report, style: str) -> Text:
    """A cell's id on a line of its own, never broken, so that it can be copied."""
    return Text(report.cell.id, style, no_wrap=True, overflow="ignore")


def _lines(report: Report) -> Iterator[str]:
    if report.precision:
        yield f"precision: {report.precision}"
    wrong = {name: j for name, j in report.tensors.items() if j.verdict is report.verdict}
    if not wrong:
        yield report.reason or ""
    for reason in dict.fromkeys(judgement.reason for judgement in wrong.values()):
        same = {name: judgement for name, judgement in wrong.items() if judgement.reason == reason}
        yield f"{', '.join(same)}: {reason}"
        for name, judgement in same.items():
            yield from describe(name, judgement)


def describe(name: str, judgement: Judgement) -> Iterator[str]:
    """A judgement's numbers in the house's order: tensor, worst index, yours, truth, ratio, bounds."""
    if judgement.worst_index is None or judgement.actual is None or judgement.expected is None:
        return
    actual, expected = judgement.actual, float(judgement.expected)
    ratio = f"  ratio {actual / expected:.6g}" if expected and math.isfinite(expected) else ""
    yield f"  {name} at {list(judgement.worst_index)}  ACTUAL {actual:.9g}  EXPECTED {expected:.9g}{ratio}"
    if judgement.error is not None and judgement.bound and judgement.rigorous_bound is not None:
        yield (
            f"  error {judgement.error:.2g} = {judgement.error / judgement.bound:.3g} x the likely bound"
            f" ({judgement.bound:.2g}; rigorous {judgement.rigorous_bound:.2g})"
        )


def closing(reports: Sequence[Report], seconds: float) -> Text:
    """The last line: how many cells, of which verdict, in what time."""
    counts = summary(reports)
    known = counts.pop("known_failures")
    said = [f"{count} {_word(Verdict(name))}" for name, count in counts.items() if count or name == "pass"]
    said += [f"{known} of them known failures"] if known else []
    return Text(f"{len(reports)} cell{'s' * (len(reports) != 1)}: {', '.join(said)}, in {seconds:.1f} s")


def times(reports: Sequence[Report]) -> Iterator[Text]:
    """Where the backends' time went, if it was a second or more: theirs in all, and the slowest cell."""
    for backend in dict.fromkeys(report.cell.backend for report in reports):
        own = [report for report in reports if report.cell.backend == backend and report.seconds is not None]
        total = sum(report.seconds or 0 for report in own)
        if total >= 1:
            slowest = max(own, key=lambda report: report.seconds or 0)
            yield Text(f"{backend} computed for {total:.1f} s, {slowest.seconds:.2f} s of them for", "dim")
            yield _id(slowest, "dim")
