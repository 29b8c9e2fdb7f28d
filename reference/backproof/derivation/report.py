"""A check's result for people, machines and notebooks."""

from __future__ import annotations

import io
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from backproof.derivation.diagnosis.diagnose import Diagnosis
from backproof.verdicts.judgement import Judgement, Verdict

STYLES = {Verdict.PASS: "green", Verdict.FAIL: "bold red", Verdict.INCONCLUSIVE: "yellow"}


@dataclass(frozen=True)
class Gradient:
    """One gradient's verdict, with its numbers at the worst component of the worst sample."""

    name: str
    verdict: Verdict
    shape: tuple[int, ...] | None
    axes: str | None  # the letters of its shape
    where: str | None = None  # the sample's sizes
    judgement: Judgement | None = None
    diagnosis: Diagnosis | None = None
    reason: str | None = None  # why it is inconclusive
    weakness: str | None = None  # right, but in a form that loses digits
    tap: bool = False


@dataclass(frozen=True)
class Result:
    """What `check` found."""

    path: str
    verdict: Verdict
    gradients: Mapping[str, Gradient]
    oracles: Mapping[str, Any]
    notes: Sequence[str] = field(default_factory=tuple)
    seconds: float = 0.0

    def _repr_html_(self) -> str:
        return as_html(self)


def as_json(result: Result) -> dict[str, Any]:
    """The result in the exact form of `check --json`."""
    return {
        "verdict": result.verdict.value,
        "gradients": {name: _gradient(g) for name, g in result.gradients.items()},
        "oracles": dict(result.oracles),
        "notes": list(result.notes),
        "seconds": result.seconds,
    }


def _gradient(g: Gradient) -> dict[str, Any]:
    j, d = g.judgement, g.diagnosis
    diagnosis = None
    if d:
        extra = {"factor": d.factor, "line": d.line}
        diagnosis = {"kind": d.kind, "text": d.text} | {k: v for k, v in extra.items() if v is not None}
    return {
        "verdict": g.verdict.value,
        "shape": None if g.shape is None else list(g.shape),
        "error": j and j.error,
        "bound": j and j.bound,
        "rigorous_bound": j and j.rigorous_bound,
        "resolution": j and j.resolution,
        "worst_index": None if j is None or j.worst_index is None else list(j.worst_index),
        "actual": j and j.actual,
        "expected": j and j.expected,
        "expected_radius": j and j.expected_radius,
        "sample": g.where,
        "reason": g.reason,
        "weakness": g.weakness,
        "diagnosis": diagnosis,
    }


def render(result: Result) -> RenderableType:
    """The table of all gradients, then one paragraph for each that is not simply right, then the oracles."""
    parts: list[RenderableType] = [_table(result)]
    for g in result.gradients.values():
        parts.extend(_finding(g))
    parts.extend(Text(f"note: {note}", "yellow") for note in result.notes)
    parts.append(_closing(result))
    return Group(*parts)


def as_text(result: Result) -> str:
    """The same as plain text of 80 columns."""
    out = io.StringIO()
    Console(file=out, width=80, highlight=False, markup=False, emoji=False).print(render(result))
    return "\n".join(line.rstrip() for line in out.getvalue().splitlines())


def as_html(result: Result) -> str:
    """The same for a notebook."""
    console = Console(file=io.StringIO(), width=80, record=True, highlight=False, markup=False, emoji=False)
    console.print(render(result))
    return console.export_html(inline_styles=True, code_format="<pre>{code}</pre>")


def _table(result: Result) -> Table:
    table = Table()
    for heading in ("gradient", "shape", "verdict", "error", "bound", "digits"):
        table.add_column(heading, justify="right" if heading in ("error", "bound", "digits") else "left")
    for g in result.gradients.values():
        j = g.judgement
        numbers = (
            [f"{j.error:.1e}", f"{j.bound:.1e}"] if j and j.error is not None and j.bound is not None else ["", ""]
        )
        table.add_row(f"d{g.name}", _shape(g), Text(_word(g.verdict), STYLES[g.verdict]), *numbers, _digits(g))
    return table


def _shape(g: Gradient) -> str:
    return f"({', '.join((g.axes or '').split())})" if g.axes is not None else str(g.shape or "")


def _digits(g: Gradient) -> str:
    """The decimal digits in which the gradient is known to agree with the truth."""
    j = g.judgement
    if g.verdict is not Verdict.PASS or not j or not j.error or not j.expected or not float(j.expected):
        return ""
    return f"{-math.log10(j.error / abs(float(j.expected))):.0f}"


def _word(verdict: Verdict) -> str:
    return verdict.value.upper() if verdict is Verdict.FAIL else verdict.value


def _finding(g: Gradient) -> Iterator[Text]:
    if g.weakness:
        yield Text(f"d{g.name}: {g.weakness}", "yellow")
    if g.verdict is Verdict.PASS:
        return
    shape = "" if g.shape is None else f"  shape {g.shape}"
    sizes = f"  at {g.where}" if g.where else ""
    yield Text(f"\n{_word(g.verdict)} d{g.name}{shape}  float64{sizes}", STYLES[g.verdict])
    j = g.judgement
    if j and j.worst_index is not None and j.actual is not None and j.expected is not None:
        yield Text(f"  worst index  {list(j.worst_index)}")
        yield Text(f"  yours        {j.actual:.17g}")
        yield Text(f"  truth        {j.expected}  +/- {j.expected_radius}")
        if float(j.expected) and j.actual == j.actual:
            yield Text(f"  ratio        {j.actual / float(j.expected):.9g}")
    if g.diagnosis:
        factor = f" {g.diagnosis.factor}" if g.diagnosis.factor else ""
        yield Text(f"  cause        {g.diagnosis.kind}{factor}", "bold")
        for sentence in g.diagnosis.text.split("; "):
            yield Text(f"    {sentence}")
    elif g.reason:
        yield Text(f"  reason       {g.reason}")


def _closing(result: Result) -> Text:
    opinions = {name: answer for name, answer in result.oracles.items() if name != "certified"}
    wrong = sum(g.verdict is Verdict.FAIL for g in result.gradients.values())
    several = f", {wrong} gradients wrong" if wrong > 1 else ""
    text = Text("")
    if certified := result.oracles.get("certified"):
        text.append(f"truth: certified to {certified['digits']} digits on {certified['samples']} samples")
        said = ", ".join(f"{name} {answer['status']}{_why(answer)}" for name, answer in opinions.items())
        text.append(f"; second opinions on it: {said}\n" if said else "\n")
    text.append(f"{_word(result.verdict)}", STYLES[result.verdict])
    return text.append(f" {result.path}{several}, in {result.seconds:.1f} s")


def _why(answer: dict[str, Any]) -> str:
    return f" ({answer['reason']})" if answer.get("reason") else ""
