"""The page of a conformance run: what its sections say, from the run's JSON result."""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

from backproof.conformance.offers import NotOffered
from backproof.hosting.registry import MUTANTS
from backproof.pages.render import render
from backproof.pages.report.explanations import share, tensors, why, worst
from backproof.results.table import gaps
from backproof.rounding.formats import FORMATS

HERE = Path(__file__).parent

Cells = Sequence[Mapping[str, Any]]

GRAVEST = ("error", "fail", "inconclusive", "skip", "pass")
FILTERS = ("backend", "model", "dtype", "device", "regime", "verdict")
NAMED = 6  # cells named one by one
SLOWEST = 12


def page(result: Mapping[str, Any], notes: Sequence[str] = (), seconds: float | None = None, utc: str = "") -> str:
    """The page, whole. `result` is what `conform --json` writes; `notes` are lines that belong to no cell.

    Mutants are wrong on purpose: their cells count in the section about them, and are listed when asked for.
    """
    cells = result["cells"]
    judged = [cell for cell in cells if cell["backend"] != MUTANTS]
    lacking = [NotOffered(**gap) for gap in result.get("not_offered", [])]
    mutated = [cell for cell in cells if cell["backend"] == MUTANTS]
    return render(
        "conform.html.j2",
        {"cells": HERE / "assets" / "cells.js", "errors": HERE / "assets" / "errors.js"},
        {
            "cells": [_packed(cell) for cell in cells],
            "specs": {name: backend["spec"] for name, backend in result["environment"]["backends"].items()},
            "files": {name: file["path"] for name, file in result["environment"].get("models", {}).items()},
            "hidden": MUTANTS if judged else None,
        },
        folder=HERE / "templates",
        counts=_counts(judged),
        total=len(judged),
        known=_known(judged),
        matrix=_matrix(judged, lacking),
        gaps=[line.plain for line in gaps(lacking)],
        findings=_findings(judged),
        options={key: list(dict.fromkeys(cell[key] for cell in cells)) for key in FILTERS},
        precision=_precision(judged),
        bits={dtype: FORMATS[dtype].digits for dtype in dict.fromkeys(c["dtype"] for c in judged) if dtype in FORMATS},
        mutants=_mutants(mutated),
        slowest=_slowest(judged),
        environment=result["environment"],
        partial=result["partial"],
        notes=notes,
        drift=result.get("drift"),
        seconds=seconds,
        utc=utc,
        link=cell_link,
        query=query,
    )


def cell_link(identity: str) -> str:
    """Where on the page a cell is: the fragment that opens it."""
    return "#cell-" + quote(identity, safe=":.+-")


def query(**filters: str) -> str:
    """A link to the cells that a filter leaves."""
    return f"?{urlencode(filters)}#cells"


def _packed(cell: Mapping[str, Any]) -> dict[str, Any]:
    """What the script shows of a cell. Errors and bounds keep four digits: `--json` has them all."""
    largest = worst(cell)
    shape = "".join(f"{letter}{size}" for letter, size in cell["shape"].items() if size is not None)
    kept = {key: cell[key] for key in ("id", *FILTERS, "series", "reason", "seconds")}
    return kept | {
        "shape": shape,
        "worst": largest and [largest[0], _short(largest[1])],
        "why": why(cell),
        "tensors": [_tensor(name, judgement) for name, judgement in tensors(cell).items()],
    }


def _tensor(name: str, j: Mapping[str, Any]) -> list[Any]:
    """Name, verdict, error, likely and rigorous bound, share of the bound, resolution, index, yours, truth, radius,
    share of components that resolve a fault."""
    numbers = [_short(j[key]) for key in ("error", "bound", "rigorous_bound")]
    place = None if j["worst_index"] is None else list(j["worst_index"])
    values = [place, j["actual"], j["expected"], j["expected_radius"], _short(j["resolved"])]
    return [name, j["verdict"], *numbers, _short(share(j)), _short(j["resolution"]), *values]


def _short(number: Any) -> float | None:
    return None if number is None else float(f"{float(number):.4g}")


def _counts(cells: Cells) -> list[tuple[str, int]]:
    """Each verdict there is with its number of cells, gravest first."""
    counts = Counter(cell["verdict"] for cell in cells)
    return [(verdict, counts[verdict]) for verdict in GRAVEST if counts[verdict]]


def _matrix(cells: Cells, lacking: Sequence[NotOffered]) -> dict[str, dict[str, dict[str, Any] | None]]:
    """By backend, then by model: counts, and the cell with the largest error over its bound; None: not offered."""
    models = list(dict.fromkeys(cell["model"] for cell in cells))
    matrix: dict[str, dict[str, dict[str, Any] | None]] = {}
    without = [gap.backend for gap in lacking if gap.model and not gap.series]
    for backend in dict.fromkeys([*(cell["backend"] for cell in cells), *without]):
        row = matrix[backend] = {}
        for model in models:
            own = [cell for cell in cells if (cell["backend"], cell["model"]) == (backend, model)]
            shares = {cell["id"]: told[1] for cell in own if (told := worst(cell))}
            top = max(shares, key=shares.__getitem__, default=None)
            said = {"counts": _counts(own), "worst": top and shares[top], "worst_id": top}
            row[model] = said if own else None
    return matrix


def _findings(cells: Cells) -> list[dict[str, Any]]:
    """What did not pass and is not known to: a verdict and reason, gravest and most frequent first, and its cells."""
    grouped: dict[tuple[str, str, str], list[tuple[Mapping[str, Any], str]]] = {}
    for cell in cells:
        if cell["verdict"] != "pass" and not cell["known"]:
            tensor, reason = _told(cell)
            grouped.setdefault((cell["verdict"], reason, cell["precision"] or ""), []).append((cell, tensor))
    order = sorted(grouped.items(), key=lambda item: (GRAVEST.index(item[0][0]), -len(item[1])))
    return [
        {
            "verdict": verdict,
            "reason": reason,
            "precision": precision,
            "count": len(own),
            "where": {
                "tensor": Counter(tensor for _, tensor in own if tensor).most_common(),
                "regime": Counter(cell["regime"] for cell, _ in own).most_common(),
                "series": Counter(cell["series"] for cell, _ in own).most_common(),
            },
            "ids": [cell["id"] for cell, _ in own[:NAMED]],
        }
        for (verdict, reason, precision), own in order
    ]


def _told(cell: Mapping[str, Any]) -> tuple[str, str]:
    """The tensor that a cell's reason begins with, if it does, and the rest of the reason."""
    tensor, colon, reason = (cell["reason"] or "").partition(": ")
    return (tensor, reason) if colon and tensor in tensors(cell) else ("", cell["reason"] or "")


def _known(cells: Cells) -> list[dict[str, Any]]:
    """Known failures by their reason, with the cells."""
    grouped: dict[str, list[Mapping[str, Any]]] = {}
    for cell in cells:
        if cell["known"]:
            grouped.setdefault(cell["known"], []).append(cell)
    return [{"reason": reason, "cells": own} for reason, own in grouped.items()]


def _precision(cells: Cells) -> list[dict[str, Any]]:
    """Where fewer bits than asked for were found: by series, dtype and what was named."""
    grouped: dict[tuple[str, str, str], list[str]] = {}
    for cell in cells:
        if cell["precision"]:
            grouped.setdefault((cell["series"], cell["dtype"], cell["precision"]), []).append(cell["id"])
    return [
        {"series": series, "dtype": dtype, "named": named, "count": len(ids), "ids": ids[:NAMED]}
        for (series, dtype, named), ids in grouped.items()
    ]


def _mutants(cells: Cells) -> list[dict[str, Any]]:
    """By model: every mutant with the cells it was run in and those that failed it, hardest to see first."""
    grouped: dict[str, dict[str, list[str]]] = {}
    for cell in cells:
        grouped.setdefault(cell["model"], {}).setdefault(cell["series"].partition(":")[2], []).append(cell["verdict"])
    told = []
    for model, own in grouped.items():
        hardest = sorted(own.items(), key=lambda item: item[1].count("fail") / len(item[1]))
        fates = [
            {"name": name, "cells": len(verdicts), "failed": verdicts.count("fail"), "errors": verdicts.count("error")}
            for name, verdicts in hardest
        ]
        told.append({"model": model, "fates": fates, "killed": sum("fail" in verdicts for verdicts in own.values())})
    return told


def _slowest(cells: Cells) -> dict[str, Any]:
    """The cells that took longest, and what each backend took in all."""
    timed = sorted((c for c in cells if c["seconds"] is not None), key=lambda c: -c["seconds"])
    totals: Counter[str] = Counter()
    for cell in timed:
        totals[cell["backend"]] += cell["seconds"]
    return {"cells": timed[:SLOWEST], "totals": totals.most_common()}
