"""`python -m tools.diagnosis_power`: verdicts and diagnoses over injected faults, and right forms rewritten."""

from __future__ import annotations

import argparse
import os
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from backproof import models
from backproof.console.ending import ended
from backproof.console.parser import Parser, natural, positive
from backproof.console.terminal import bar, track
from tools.diagnosis_power.measure import Trial, measure
from tools.diagnosis_power.rewrites import survive


def main(argv: Sequence[str] | None = None) -> int:
    """Print the measurement; exit with 1 where a verdict is wrong, a right gradient fails or diagnoses are poor."""
    return ended("power", lambda: _run(_options(argv)))


def _options(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = Parser(prog="python -m tools.diagnosis_power", description=__doc__, allow_abbrev=False)
    parser.add_argument(
        "files",
        nargs="*",
        type=Path,
        metavar="FILE.py",
        help="derivations (default: the models and examples/derivations)",
    )
    parser.add_argument("--step", type=positive, default=1, help="try every STEP-th fault (default: 1)")
    parser.add_argument("--rewrites", type=natural, default=10_000, help="how many right gradients (default: 10000)")
    parser.add_argument("--verbose", action="store_true", help="print every wrong verdict and diagnosis")
    return parser.parse_args(argv)


def _run(arguments: argparse.Namespace) -> int:
    files = arguments.files or default_files()
    measured = (measure(_real(file), arguments.step) for file in files)
    trials = [trial for some in track(map(list, measured), len(files), "derivations, with faults") for trial in some]
    failed = report(trials, arguments.verbose)
    if arguments.rewrites:
        with bar(arguments.rewrites, "right gradients") as shown:
            count, wrong = survive([_real(f) for f in files], arguments.rewrites, watch=shown.advance)
        print(f"right gradients, random and rewritten: {count}, of which fail: {len(wrong)}")
        for line in wrong[:10]:
            print(f"  {line}")
        failed = failed or bool(wrong)
    return int(failed)


def _real(path: Path) -> Path:
    return Path(os.path.realpath(path))


def default_files() -> list[Path]:
    """The four models, and the gallery where it stands."""
    folder = Path(models.__file__).parent
    ours = [folder / f"{name}.py" for name in models.MODELS]
    return ours + sorted(Path("examples/derivations").glob("*.py"))


def report(trials: Sequence[Trial], verbose: bool) -> bool:
    """Print the rates; whether one is too low."""
    wrong = [t for t in trials if t.wrong]
    verdicts = [t for t in trials if not t.verdict_right]
    diagnoses = [t for t in wrong if t.verdict is not None and not t.diagnosis_right]
    faults = len({(t.file, t.text) for t in trials})
    files = len({t.file for t in trials})
    print(f"faults injected: {faults} into {files} derivations; gradients made wrong: {len(wrong)}")
    print(f"verdict right:   {_rate(len(trials) - len(verdicts), len(trials))} (wrong ones fail, right ones pass)")
    print(f"diagnosis right: {_rate(len(wrong) - len(diagnoses), len(wrong))} (kind, and factor where one)")
    for kind, count in Counter(t.kind or "none" for t in diagnoses).most_common():
        print(f"  not right as {kind}: {count}")
    if verbose:
        for t in [*verdicts, *diagnoses]:
            print(f"  {t.file}: {t.text}: d{t.name} {t.verdict} {t.kind}, expected {' or '.join(sorted(t.expected))}")
    return bool(verdicts) or len(diagnoses) > 0.05 * len(wrong)


def _rate(right: int, total: int) -> str:
    return f"{100 * right / max(total, 1):.1f}% of {total}"


if __name__ == "__main__":
    sys.exit(main())
