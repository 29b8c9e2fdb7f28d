"""Taking up an interrupted run: the cells that a result file has decided are not run again."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

from backproof.conformance.cells import Cell
from backproof.conformance.decide import Report
from backproof.conformance.verdict import Diagnosis, Judgement, Verdict
from backproof.errors import InputError

NUMBERS = ("error", "bound", "rigorous_bound", "headroom", "resolution", "resolved", "actual")


def load(path: str, environment: Mapping[str, Any], cells: Sequence[Cell]) -> list[Report]:
    """The reports in a result file for those of `cells` that it decided; errors are left to be run again.

    Raises InputError where it cannot be read, is no result of `conform`, or was made in another environment.
    """
    try:
        result = json.loads(Path(path).read_text(encoding="utf-8"))
        made_in, found = result["environment"], {cell["id"]: cell for cell in result["cells"]}
        for key in ("backproof", "seed", "numpy", "python-flint"):
            _same(path, key, made_in[key], environment[key])
        for name, backend in json.loads(json.dumps(environment["backends"])).items():
            for key, value in backend.items() if name in made_in["backends"] else ():
                _same(path, f"{name}'s {key}", made_in["backends"][name][key], value)
        for name, model in environment["models"].items():
            _same(path, f"{name}'s code", made_in.get("models", {}).get(name, {}).get("code"), model["code"])
        reports = [_report(cell, found[cell.id]) for cell in cells if cell.id in found]
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from None
    except InputError:
        raise
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise InputError(f"{path} is no result of backproof conform; give a file written by its --json") from None
    return [report for report in reports if report.verdict is not Verdict.ERROR]


def _same(path: str, what: str, then: Any, now: Any) -> None:
    if then != now:
        raise InputError(
            f"{path} cannot be resumed: {what} was {_short(then)} there and is {_short(now)} here; run afresh"
        )


def _short(value: Any) -> str:
    return str(value)[:40]


def _report(cell: Cell, told: Mapping[str, Any]) -> Report:
    if not isinstance(told["reason"], str | None) or not isinstance(told["seconds"], int | float | None):
        raise TypeError
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
    return Judgement(
        **values
        | {
            "verdict": Verdict(values["verdict"]),
            "worst_index": values["worst_index"] and tuple(values["worst_index"]),
            "diagnosis": values["diagnosis"] and Diagnosis(**values["diagnosis"]),
        }
    )
