"""Taking up an interrupted run: the cells that a result file has decided are not run again."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any

from backproof.conformance.cells import Cell
from backproof.conformance.decide import Report
from backproof.core.errors import InputError
from backproof.core.files import read_text
from backproof.verdicts.judgement import Diagnosis, Judgement, Verdict

NUMBERS = ("error", "bound", "rigorous_bound", "headroom", "resolution", "resolved", "actual")


NO_RESULT = (ValueError, LookupError, TypeError, AttributeError, ArithmeticError, RecursionError)


def read(path: str) -> Any:
    """The result of `conform` in a file, before any backend is started. Raises InputError where it is none."""
    try:
        result = json.loads(read_text(path))
        _found(result)
    except InputError:
        raise
    except NO_RESULT:
        raise _no_result(path) from None
    return result


def load(path: str, result: Any, environment: Mapping[str, Any], cells: Sequence[Cell]) -> list[Report]:
    """The reports in the result that was read from `path` for those of `cells` that it decided; errors are left to be
    run again. Raises InputError where a report is none of `conform`, or was made in another environment."""
    try:
        made_in, found = _found(result)
        for key in ("backproof", "seed", "numpy", "python-flint"):
            _same(path, key, made_in[key], environment[key])
        _same(path, "backproof's code", made_in.get("code"), environment["code"])
        for name, backend in json.loads(json.dumps(environment["backends"])).items():
            for key, value in backend.items() if name in made_in["backends"] else ():
                _same(path, f"{name}'s {key}", made_in["backends"][name][key], value)
        for name, model in environment["models"].items():
            _same(path, f"{name}'s code", made_in.get("models", {}).get(name, {}).get("code"), model["code"])
        reports = [_report(cell, found[cell.id]) for cell in cells if cell.id in found]
    except InputError:
        raise
    except NO_RESULT:
        raise _no_result(path) from None
    return [report for report in reports if report.verdict is not Verdict.ERROR]


def _found(result: Any) -> tuple[Any, dict[str, Any]]:
    return result["environment"], {cell["id"]: cell for cell in result["cells"]}


def _no_result(path: str) -> InputError:
    return InputError(f"{path} is no result of backproof conform; give a file written by its --json")


def _same(path: str, what: str, then: Any, now: Any) -> None:
    if then != now:
        raise InputError(
            f"{path} cannot be resumed: {what} was {_short(then)} there and is {_short(now)} here; run afresh"
        )


def _short(value: Any) -> str:
    return str(value)[:40]


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
