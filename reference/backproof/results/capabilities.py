"""What backends are capable of, as framework authors publish it: backend x model x dtype x device, by verdicts."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from backproof.conformance.cells import SHORT, USUAL
from backproof.hosting.registry import MUTANTS

Row = dict[str, Any]

LEGEND = """\
`57 / 60`: of 60 cells 57 pass and none fails; the others cannot be decided, since rounding in that precision hides any
fault. `FAIL 3 / 60`: 3 of 60 cells FAIL or are an ERROR. `undecided`: no cell can be decided. `-`: the backend does not
offer it. `no device`: it cannot run on the machine that made the table. A blank: none of the cells asked for it."""


def capabilities(result: Mapping[str, Any]) -> list[Row]:
    """A row for every backend, model, dtype and device that a run's result speaks of.

    `status` is "pass", "fail", "undecided", "no device" or "not offered"; the counts are of cells by verdict, known
    failures being failures.
    """
    counts: dict[tuple[str, str, str, str], Counter[str]] = {}
    for cell in result["cells"]:
        if cell["backend"] != MUTANTS:
            place = (cell["backend"], cell["model"], cell["dtype"], cell["device"])
            counts.setdefault(place, Counter())[cell["verdict"]] += 1
    models = list(dict.fromkeys(place[1] for place in counts))
    devices = list(dict.fromkeys(place[3] for place in counts))
    gaps = {(gap["backend"], gap["model"], gap["dtype"]) for gap in result["not_offered"] if gap["series"] is None}
    asked = {place[2] for place in counts} | {gap["dtype"] for gap in result["not_offered"]}
    rows: list[Row] = []
    for backend in result["environment"]["backends"]:
        for model in models:
            for dtype in [dtype for dtype in (*USUAL, *SHORT) if dtype in asked]:
                for device in devices:
                    found = counts.get((backend, model, dtype, device), Counter())
                    lacking = {(backend, model, None), (backend, None, dtype)} & gaps
                    if found or lacking:
                        row = {"backend": backend, "model": model, "dtype": dtype, "device": device}
                        told = {
                            verdict: found[verdict] for verdict in ("pass", "fail", "error", "inconclusive", "skip")
                        }
                        rows.append({**row, "status": _status(found), **told})
    return rows


def _status(found: Counter[str]) -> str:
    if not found:
        return "not offered"
    if found["fail"] or found["error"]:
        return "fail"
    return "pass" if found["pass"] else "undecided" if found["inconclusive"] else "no device"


def as_json(result: Mapping[str, Any], command: str) -> dict[str, Any]:
    """The table for machines, with the run's environment and the command that made it."""
    return {"command": command, "environment": result["environment"], "capabilities": capabilities(result)}


def as_markdown(result: Mapping[str, Any], command: str) -> str:
    """The table as a page: one for every device, a row a backend and model, a column a dtype."""
    return "\n".join(_lines(result, command)) + "\n"


def _lines(result: Mapping[str, Any], command: str) -> Iterator[str]:
    rows, environment = capabilities(result), result["environment"]
    yield from ("# Capabilities", "", "Made by:", "", "```sh", command, "```", "")
    versions = [f"{name} {backend['version']}" for name, backend in environment["backends"].items()]
    machine = f"Python {environment['python']} on {environment['processor']}"
    yield f"with backproof {environment['backproof']}, {', '.join(versions)}, {machine}."
    yield from ("", LEGEND)
    for device in dict.fromkeys(row["device"] for row in rows):
        own = [row for row in rows if row["device"] == device]
        dtypes = [dtype for dtype in (*USUAL, *SHORT) if any(row["dtype"] == dtype for row in own)]
        yield from ("", f"## {device}", "")
        yield f"| backend | model | {' | '.join(dtypes)} |"
        yield f"|---|---|{'---:|' * len(dtypes)}"
        yield from _table(own, dtypes)


def _table(rows: Sequence[Row], dtypes: Sequence[str]) -> Iterator[str]:
    for backend, model in dict.fromkeys((row["backend"], row["model"]) for row in rows):
        told = {row["dtype"]: _said(row) for row in rows if (row["backend"], row["model"]) == (backend, model)}
        yield f"| {backend} | {model} | {' | '.join(told.get(dtype, '') for dtype in dtypes)} |"


def _said(row: Row) -> str:
    cells = sum(row[verdict] for verdict in ("pass", "fail", "error", "inconclusive"))
    if row["status"] == "fail":
        return f"**FAIL {row['fail'] + row['error']} / {cells}**"
    if row["status"] == "pass":
        return f"{row['pass']} / {cells}"
    return "-" if row["status"] == "not offered" else str(row["status"])
