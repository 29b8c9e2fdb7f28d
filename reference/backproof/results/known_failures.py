"""Known failures: a file of cell ids (or patterns of them) with reasons. They are shown, and do not fail the run."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase

from backproof.conformance.decide import Report
from backproof.core.errors import InputError
from backproof.core.files import read_text
from backproof.verdicts.judgement import Verdict

BAD = (Verdict.FAIL, Verdict.ERROR)


@dataclass(frozen=True)
class Known:
    """One line of the file: a pattern of ids (`*`, `?`, `[...]` as in the shell) and why they fail."""

    pattern: str
    reason: str


def load(path: str) -> list[Known]:
    """Read a file of known failures: a line each, the id, then the reason; `#` begins a comment.

    Raises InputError where it cannot be read, or a line gives no reason.
    """
    known = []
    for number, line in enumerate(read_text(path).splitlines(), 1):
        words = line.partition("#")[0].split(maxsplit=1)
        if len(words) == 1:
            raise InputError(f"{path}:{number}: {words[0]} stands without a reason; write the reason after it")
        if words:
            known.append(Known(words[0], words[1].strip()))
    return known


def mark(report: Report, known: Iterable[Known]) -> Report:
    """The report with the reason it is known to fail, if it fails and is known to."""
    for entry in known:
        if report.verdict in BAD and fnmatchcase(report.cell.id, entry.pattern):
            return replace(report, known=entry.reason)
    return report


def surprises(reports: Sequence[Report], known: Sequence[Known]) -> list[str]:
    """What the file says that the run does not bear out: patterns that match no cell, or only cells that are well."""
    told = []
    for entry in known:
        matched = [report for report in reports if fnmatchcase(report.cell.id, entry.pattern)]
        if not matched:
            told.append(f"known failure {entry.pattern} matches no cell of this run")
        elif all(report.verdict is Verdict.PASS for report in matched):
            told.append(f"unexpected pass: {entry.pattern} is known to fail ({entry.reason}), and passes")
    return told
