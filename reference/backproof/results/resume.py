"""Taking up an interrupted run: the cells that a result file has decided are not run again.

A cell is taken only where all that its verdict depends on is what it was: see `backproof.evidence`. Where it is not, or
cannot be known, the cell runs again, and a line says why.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from backproof.conformance.cells import Cell
from backproof.conformance.decide import Report
from backproof.conformance.session import Session
from backproof.core.errors import InputError, visible
from backproof.core.files import read_text
from backproof.evidence import changes
from backproof.evidence.machine import machine
from backproof.evidence.manifest import Manifest
from backproof.verdicts.judgement import Diagnosis, Judgement, Verdict

NUMBERS = ("error", "bound", "rigorous_bound", "headroom", "resolution", "resolved", "actual")
NO_RESULT = (ValueError, LookupError, TypeError, AttributeError, ArithmeticError, RecursionError)
LISTED = 3  # reasons named one by one


@dataclass(frozen=True)
class Taken:
    """The reports that stand, and a line on each group of cells that run again though the file decided them."""

    reports: list[Report] = field(default_factory=list)
    again: list[str] = field(default_factory=list)


def read(path: str) -> Any:
    """The result of `conform` in a file, before any backend is started. Raises InputError where it is none."""
    try:
        result = json.loads(read_text(path))
        environment, cells = _found(result)
        described = [*environment["backends"].values(), *environment.get("models", {}).values()]
        if not all(isinstance(name, str) for name in cells) or not all(isinstance(one, dict) for one in described):
            raise TypeError
        for manifest in _manifests(result):
            changes.read(manifest)
    except InputError:
        raise
    except NO_RESULT:
        raise _no_result(path) from None
    return result


def take(path: str, result: Any, session: Session) -> Taken:
    """What stands of the result that was read from `path`, for the cells of `session`; errors are left to be run again.
    The backends' manifests there are merged with those of the result. Raises InputError where a report is none of
    `conform`."""
    try:
        _, cells = _found(result)
        found = [_report(cell, cells[cell.id]) for cell in session.cells if cell.id in cells]
    except NO_RESULT:
        raise _no_result(path) from None
    decided = [r for r in found if r.verdict is not Verdict.ERROR]
    decided = [r for r in decided if (r.verdict is Verdict.SKIP) == (r.cell.skip is not None)]
    taken = Taken()
    if whole := list(_of_all(result, session)):
        if decided:
            taken.again.append(_line(whole, len(decided), ""))
        return taken
    models = {name: list(_of_model(name, result, session)) for name in {r.cell.problem.model for r in decided}}
    for backend in session.backends:
        own = [report for report in decided if report.cell.backend == backend.name]
        if not own:
            continue
        told, worker = result["manifests"]["backends"].get(backend.name), session.workers[backend.name]
        reasons = list(_of_backend(backend.name, result, session))
        if told is None:
            reasons.append(f"{path} does not say what it read")
        else:
            changed, manifest = changes.differences(told, worker.manifest)
            reasons += changed
        if reasons:
            taken.again.append(_line(reasons, len(own), f" of {backend.name}"))
            continue
        worker.manifest.merge(manifest)
        for name, why in models.items():
            of_model = [report for report in own if report.cell.problem.model == name]
            if why and of_model:
                taken.again.append(_line(why, len(of_model), f" of {backend.name} on {name}"))
            else:
                taken.reports.extend(of_model)
    return taken


def _of_all(result: Any, session: Session) -> Iterator[str]:
    """Why no cell stands: another judge, other data."""
    if "manifests" not in result:
        yield "an earlier version wrote it, which does not say what was read"
        return
    then, now = result["environment"], session.environment()
    names = {"code": "backproof's code", "seed": "the seed"}
    for key in ("backproof", "seed", "numpy", "python-flint", "code"):
        yield from _changed(names.get(key, key), then.get(key), now[key])
    yield from changes.differences(result["manifests"]["judge"], Manifest(facts=machine()))[0]


def _of_backend(name: str, result: Any, session: Session) -> Iterator[str]:
    then = result["environment"]["backends"].get(name, {})
    description = next(backend for backend in session.backends if backend.name == name)
    for key, value in json.loads(json.dumps(description.as_json())).items():
        if key != "code":  # which its manifest tells
            yield from _changed(f"its {key}", then.get(key), value)


def _of_model(name: str, result: Any, session: Session) -> Iterator[str]:
    for file in session.files:
        if file.model.name == name:
            then = result["environment"].get("models", {}).get(name, {})
            if then.get("outcome") != file.outcome:
                yield f"{name} has another loss or other data"


def _changed(what: str, then: Any, now: Any) -> Iterator[str]:
    if then != now:
        short = max(len(str(then)), len(str(now))) <= 30
        yield f"{what} was {then} and is {now}" if short else f"{what} changed"


def _line(reasons: list[str], count: int, of: str) -> str:
    named = ", ".join(reasons[:LISTED]) + (f" and {len(reasons) - LISTED} more" if len(reasons) > LISTED else "")
    return f"--resume: {visible(named)}: {count} cell{'s' * (count != 1)}{of} run{'s' * (count == 1)} again"


def _manifests(result: Any) -> Iterator[Any]:
    if "manifests" in result:
        yield result["manifests"]["judge"]
        yield from result["manifests"]["backends"].values()


def _found(result: Any) -> tuple[Any, dict[str, Any]]:
    return result["environment"], {cell["id"]: cell for cell in result["cells"]}


def _no_result(path: str) -> InputError:
    return InputError(f"{path} is no result of backproof conform; give a file written by its --json")


def _report(cell: Cell, told: Mapping[str, Any]) -> Report:
    _text(told["reason"], told["precision"])
    if told["seconds"] is not None and not 0 <= told["seconds"] < 1e9:  # a number no clock gave
        raise ValueError
    if told["verdict"] == Verdict.PASS and not (told["gradients"] or told["parameters"]):
        raise ValueError
    judged = {part: {name: _judgement(j) for name, j in told[part].items()} for part in ("gradients", "parameters")}
    return Report(
        cell,
        Verdict(told["verdict"]),
        told["reason"],
        told["seconds"],
        judged["gradients"],
        told["loss"] and _judgement(told["loss"]),
        told["output"] and _judgement(told["output"]),
        judged["parameters"],
        told["precision"],
    )


def _judgement(told: Mapping[str, Any]) -> Judgement:
    values = {field.name: told[field.name] for field in fields(Judgement)}
    values |= {name: float(values[name]) for name in NUMBERS if values[name] is not None}  # "inf" travels as text
    index, diagnosis = values["worst_index"], values["diagnosis"] and Diagnosis(**values["diagnosis"])
    _text(values["reason"], values["expected"], values["expected_radius"])
    _text(*(vars(diagnosis).values() if diagnosis else ()))
    float(values["expected"] or 0)
    if index is not None and not all(isinstance(place, int) for place in index):
        raise TypeError
    values |= {"worst_index": None if index is None else tuple(index), "diagnosis": diagnosis or None}
    return Judgement(**values | {"verdict": Verdict(values["verdict"])})


def _text(*values: Any) -> None:
    if not all(isinstance(value, str | None) for value in values):
        raise TypeError
