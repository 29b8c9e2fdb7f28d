"""Drift between two runs of `conform`: new failures, other verdicts, errors that grew beyond noise, other versions.

What is noise follows from the bounds. Correct arithmetic may put an error anywhere below its likely bound, and
another order of summation puts it elsewhere: within the bound, one cell's error says nothing by growing. Two things
do:

- *beyond*: an error is above its likely bound, and at least `FACTOR` times what it was;
- *systematic*: over the cells of a series, dtype and device, errors (as fractions of their bounds) grew by the factor
  `FACTOR` in the median, and far more of them grew than shrank: were growing and shrinking equally likely, so many
  would grow with a probability below `CHANCE` (a sign test; cells whose error stayed the same are left out).
"""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import groupby
from statistics import median
from typing import Any

from backproof.core.errors import InputError
from backproof.core.files import read_text
from backproof.evidence import changes
from backproof.hosting.registry import MUTANTS
from backproof.results.resume import NO_RESULT
from backproof.verdicts.judgement import Verdict

FACTOR = 1.5
CHANCE = 1e-4
NAMES = ("id", "backend", "model", "dtype", "device", "series")  # of a cell

Result = Mapping[str, Any]  # what `conform --json` writes


@dataclass(frozen=True)
class Change:
    """A cell with another verdict than before, and its reason now."""

    id: str
    then: str
    now: str
    reason: str | None
    known: str | None


@dataclass(frozen=True)
class Growth:
    """Errors that grew: of one cell's tensor, then and now as fractions of the likely bound; or of `cells` cells of a
    series, `grew` of which grew, by the factor `factor` in the median."""

    where: str
    then: float
    now: float
    cells: int = 1
    grew: int = 1

    @property
    def factor(self) -> float:
        return self.now / self.then if self.then else math.inf


@dataclass(frozen=True)
class Drift:
    """All that differs between a run and the one of `baseline`."""

    baseline: str
    environment: Sequence[tuple[str, Any, Any]]  # what, then, now
    failures: Sequence[Change]  # FAIL or ERROR now, and neither then
    verdicts: Sequence[Change]  # the other changes
    beyond: Sequence[Growth]
    systematic: Sequence[Growth]
    new: Sequence[str]
    gone: Sequence[str]
    not_asked: Sequence[tuple[str, str]]  # cells that this run was not asked for, and the option that left them out
    compared: int

    def as_json(self) -> dict[str, Any]:
        """The drift as plain values."""
        told = asdict(self)
        told["not_asked"] = [identity for identity, _ in self.not_asked]
        told["environment"] = [dict(zip(("what", "then", "now"), row, strict=True)) for row in self.environment]
        for kind in ("beyond", "systematic"):
            told[kind] = [asdict(growth) | {"factor": growth.factor} for growth in getattr(self, kind)]
        return told


def load(path: str, seed: int) -> Result:
    """The result of an earlier run. Raises InputError where it cannot be read, is none, or is of another seed."""
    text = read_text(path)
    try:
        result: Result = json.loads(text)
        then = result["environment"]["seed"]
        compare(result, result, path)  # all that will be asked of it is there
        if not all(isinstance(cell[key], str) for cell in result["cells"] for key in NAMES):
            raise TypeError
    except NO_RESULT:
        raise InputError(f"{path} is no result of backproof conform; give a file written by its --json") from None
    if then != seed:
        raise InputError(f"{path} was made with --seed {then}, other data; run with that seed, or make it anew")
    return result


def compare(then: Result, now: Result, baseline: str) -> Drift:
    """The drift from one result to another; cells of a partial run that were not reached are not gone."""
    old, new = _cells(then), _cells(now)
    both = [identity for identity in new if identity in old]
    bad = (Verdict.FAIL, Verdict.ERROR)
    changes = [
        Change(i, old[i]["verdict"], new[i]["verdict"], new[i]["reason"], new[i]["known"])
        for i in both
        if Verdict(old[i]["verdict"]) is not Verdict(new[i]["verdict"])
    ]
    failures = [change for change in changes if change.now in bad and change.then not in bad]
    missing = {} if now["partial"] else {identity: cell for identity, cell in old.items() if identity not in new}
    before, asked = _asked(then), _asked(now)
    left_out = {i: option for i, cell in missing.items() if (option := _left_out(cell, before, asked))}
    pairs = [(new[i], _ratios(old[i]), _ratios(new[i])) for i in both]
    return Drift(
        baseline,
        differences(_facts(then), _facts(now)),
        failures,
        [change for change in changes if change not in failures],
        [growth for pair in pairs for growth in _beyond(*pair)],
        _systematic(pairs),
        [identity for identity in new if identity not in old],
        [identity for identity in missing if identity not in left_out],
        list(left_out.items()),
        len(both),
    )


def _asked(result: Result) -> dict[str, Any]:
    return {"cells": None, **result["environment"].get("asked", {})}


def _left_out(cell: Mapping[str, Any], before: Mapping[str, Any], asked: Mapping[str, Any]) -> str | None:
    """The option by which a run leaves out a cell of an earlier one, if one does."""
    for option in ("backend", "model", "dtype", "device"):
        if asked.get(option) and cell[option] not in asked[option]:
            return f"--{option}"
    if before.get("dtype") and not asked.get("dtype"):  # without it only a few cells are planned in the narrow ones
        return "--dtype"
    return "--cells" if before["cells"] not in (None, asked["cells"]) else None


def _cells(result: Result) -> dict[str, Mapping[str, Any]]:
    return {cell["id"]: cell for cell in result["cells"] if cell["backend"] != MUTANTS}


def _ratios(cell: Mapping[str, Any]) -> dict[str, float]:
    """Every tensor's error as a fraction of its likely bound, where it has both."""
    tensors = {"loss": cell["loss"], "output": cell["output"], **cell["parameters"]}
    tensors |= {f"d{name}": judged for name, judged in cell["gradients"].items()}
    found = {}
    for name, judged in tensors.items():
        if judged and judged["error"] is not None and judged["bound"] is not None:
            error, bound = float(judged["error"]), float(judged["bound"])
            if math.isfinite(error) and 0 < bound < math.inf:
                found[name] = error / bound
    return found


def _beyond(cell: Mapping[str, Any], then: Mapping[str, float], now: Mapping[str, float]) -> list[Growth]:
    return [
        Growth(f"{cell['id']} {name}", then[name], ratio)
        for name, ratio in now.items()
        if name in then and ratio > 1 and ratio >= FACTOR * then[name]
    ]


def _systematic(pairs: Sequence[tuple[Mapping[str, Any], Mapping[str, float], Mapping[str, float]]]) -> list[Growth]:
    def place(pair: Any) -> str:
        cell = pair[0]
        return f"{cell['series']} {cell['dtype']} {cell['device']}"

    found = []
    for where, group in groupby(sorted(pairs, key=place), place):
        worst = [(max(then.values()), max(now.values())) for _, then, now in group if then and now]
        moved = [(a, b) for a, b in worst if a != b]
        grew = sum(b > a for a, b in moved)
        if moved and _chance(grew, len(moved)) < CHANCE:
            logs = [math.log2(max(b, 2.0**-60) / max(a, 2.0**-60)) for a, b in moved]
            if 2 ** median(logs) >= FACTOR:
                middle = median(a for a, _ in moved)
                found.append(Growth(where, middle, middle * 2 ** median(logs), len(moved), grew))
    return found


def _chance(grew: int, moved: int) -> float:
    """The probability that at least `grew` of `moved` fair coins fall heads."""
    return float(sum(math.comb(moved, k) for k in range(grew, moved + 1)) / 2**moved)


def _facts(result: Result) -> dict[str, Any]:
    """What a run depends on, by name: versions, settings, the machine, and the files of its code."""
    environment, manifests = result["environment"], result.get("manifests", {"backends": {}})["backends"]
    facts = {name: environment[name] for name in ("backproof", "python", "platform", "processor", "numpy")}
    facts["python-flint"] = environment["python-flint"]
    facts["backproof code"] = environment.get("code", "")[:12]
    for name, backend in environment["backends"].items():
        facts |= backend_facts(name, backend)
    for name, told in manifests.items():
        facts |= {f"{name} code {file}": print_of[7:19] for file, print_of in changes.read(told)[0].code().items()}
    for name, model in environment.get("models", {}).items():
        facts[f"{name} code"] = model["code"][:12]
    return facts


def backend_facts(name: str, backend: Mapping[str, Any]) -> dict[str, Any]:
    """A backend's version and settings, by name."""
    return {name: backend["version"]} | {f"{name} {key}": value for key, value in backend["settings"].items()}


def differences(then: Mapping[str, Any], now: Mapping[str, Any]) -> list[tuple[str, Any, Any]]:
    """Of the facts that both have, what was and is another: its name, then, now."""
    return [(what, then[what], now[what]) for what in now if what in then and then[what] != now[what]]
