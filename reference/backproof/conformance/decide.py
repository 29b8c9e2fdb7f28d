"""What a cell asks of its backend, and what the answers say of it: one function for the command and for pytest."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache

import numpy as np

from backproof.conformance.by_hand import weighed
from backproof.conformance.cells import Cell, Problem, inputs
from backproof.conformance.precision import provenance
from backproof.conformance.relations import RELATIONS, Changed
from backproof.conformance.trajectories import TRAJECTORIES
from backproof.hosting.evaluation import Evaluation, Failure, Task, Tensor
from backproof.hosting.layouts import LAYOUTS
from backproof.rounding.formats import FORMATS
from backproof.truth.certify import Truth, certify, certify_descent
from backproof.truth.exact import Undecided, balls, precision
from backproof.truth.quantities import FIRST_BITS, Quantity
from backproof.verdicts.judgement import Diagnosis, Judgement, Verdict, judge

WHOLE = ("loss", "output")  # the tensors of a cell that are no gradients


@dataclass(frozen=True)
class Report:
    """A cell's verdict, and the judgement of every tensor it is made of (of a descent: the parameters)."""

    cell: Cell
    verdict: Verdict
    reason: str | None = None
    seconds: float | None = None
    gradients: Mapping[str, Judgement] = field(default_factory=dict)
    loss: Judgement | None = None
    output: Judgement | None = None
    parameters: Mapping[str, Judgement] = field(default_factory=dict)
    precision: str | None = None
    known: str | None = None  # why it is known to fail

    @property
    def tensors(self) -> dict[str, Judgement]:
        """Every judged tensor by name, the gradients as `dW1`."""
        named = {name: j for name, j in {"loss": self.loss, "output": self.output}.items() if j}
        return named | {f"d{name}": j for name, j in self.gradients.items()} | dict(self.parameters)

    @property
    def worst(self) -> float | None:
        """The largest error as a fraction of its bound."""
        ratios = [j.error / j.bound for j in self.tensors.values() if j.error is not None and j.bound]
        return max(ratios, default=None)


@cache
def truth(problem: Problem, form: str | None = None, products: str | None = None) -> Truth:
    """The problem's certified truth (with the bounds of a form, of a precision of products), computed once however
    many cells share it."""
    return certify(problem.subject, inputs(problem), problem.dtype, form, products)


@cache
def _trajectory(problem: Problem, form: str | None, products: str | None) -> dict[str, Quantity]:
    descent, dtype = TRAJECTORIES[problem.regime], problem.dtype
    rate = descent.learning_rate(dtype)
    return certify_descent(problem.subject, inputs(problem), dtype, rate, descent.steps, form, products)


@cache
def _changes(problem: Problem) -> list[Changed]:
    return RELATIONS[problem.regime].change(problem.subject, inputs(problem))


@cache
def _changed_truths(problem: Problem, form: str | None, products: str | None) -> list[Truth]:
    model = problem.subject
    return [certify(model, change.arrays, problem.dtype, form, products) for change in _changes(problem)]


def tasks(cell: Cell) -> list[Task]:
    """What the backend is asked: one evaluation, one descent, or a relation's evaluations after the original one."""
    problem = cell.problem
    file = problem.file.path if problem.file else None
    original = Task(problem.model, cell.series, problem.dtype, cell.device, inputs(problem), file)
    if descent := TRAJECTORIES.get(problem.regime):
        rate = descent.learning_rate(problem.dtype)
        return [replace(original, layout=descent.layout, steps=descent.steps, learning_rate=rate)]
    if problem.regime in RELATIONS:
        return [original, *(replace(original, arrays=dict(change.arrays)) for change in _changes(problem))]
    return [replace(original, layout=problem.regime if problem.regime in LAYOUTS else "normal")]


def decide(cell: Cell, answers: Sequence[Evaluation | Failure]) -> Report:
    """Judge a cell by the answers to its tasks, tensor by tensor; the cell is as bad as the worst."""
    evaluations = [answer for answer in answers if isinstance(answer, Evaluation)]
    for answer in answers:
        if isinstance(answer, Failure):
            return Report(cell, Verdict.ERROR, answer.reason)
    try:
        return _decide(cell, evaluations)
    except Undecided as undecided:
        return Report(cell, Verdict.INCONCLUSIVE, f"no truth: {undecided}")


def _decide(cell: Cell, evaluations: Sequence[Evaluation]) -> Report:
    problem = cell.problem
    seconds = sum(answer.seconds for answer in evaluations)
    for answer in evaluations:
        if wrong := _wrong_keys(cell, answer, seconds):
            return wrong
    if problem.regime in TRAJECTORIES:
        expected_ends = _trajectory(problem, cell.algorithm, cell.matmul_precision)
        ends = _judge_all(evaluations[0].tensors, expected_ends, problem.dtype)
        ends = weighed(problem, ends) if cell.by_hand else ends
        return _concluded(Report(cell, Verdict.PASS, seconds=seconds, parameters=ends))
    if problem.regime in RELATIONS:
        return _decide_relation(cell, evaluations, seconds)
    expected, answer = truth(problem, cell.algorithm, cell.matmul_precision), evaluations[0]
    judged = _judge_all(answer.named, expected.named, problem.dtype)
    if cell.by_hand:
        return _concluded(_report(cell, seconds, weighed(problem, judged)))
    return _concluded(_with_provenance(cell, seconds, judged, answer, expected))


def _report(cell: Cell, seconds: float, judged: Mapping[str, Judgement], precision: str | None = None) -> Report:
    """A report of judged tensors by name: "loss", "output" and the parameters'."""
    gradients = {name: j for name, j in judged.items() if name not in WHOLE}
    return Report(
        cell, Verdict.PASS, None, seconds, gradients, judged.get("loss"), judged.get("output"), precision=precision
    )


def _with_provenance(
    cell: Cell, seconds: float, judged: dict[str, Judgement], answer: Evaluation, expected: Truth
) -> Report:
    """The report, naming the lower precision that explains errors beyond the likely bounds: with a name they fail."""
    asked = cell.problem.dtype
    narrowed = {FORMATS[d].digits: d for _, d in answer.named.values() if d in FORMATS and d != asked}
    if narrowed and min(narrowed) < FORMATS[asked].digits:
        said = f"{narrowed[min(narrowed)]}, where {asked} was asked for (is it switched off?)"
        return _report(cell, seconds, judged, said)
    beyond = [name for name, j in judged.items() if j.error is not None and j.bound and j.error > j.bound]
    values = {name: tensor for name, (tensor, _) in answer.named.items()}
    named = provenance(cell.problem, expected, values, beyond, cell.matmul_precision) if beyond else None
    if named:
        in_force = ", ".join(f"{key} {value}" for key, value in answer.settings.items())
        named += f" (in force: {in_force})" if in_force else ""
        judged = judged | {name: replace(judged[name], verdict=Verdict.FAIL, reason=named) for name in beyond}
    return _report(cell, seconds, judged, named)


def _judge_all(tensors: Mapping[str, Tensor], expected: Mapping[str, Quantity], dtype: str) -> dict[str, Judgement]:
    return {name: judge(*tensors[name], quantity, dtype) for name, quantity in expected.items()}


def _concluded(report: Report) -> Report:
    name, worst = max(report.tensors.items(), key=lambda item: item[1].verdict.gravity)
    return replace(report, verdict=worst.verdict, reason=f"{name}: {worst.reason}" if worst.reason else None)


def _wrong_keys(cell: Cell, answer: Evaluation, seconds: float) -> Report | None:
    """A failed report where the answer lacks a tensor, or has one too many."""
    problem = cell.problem
    params = problem.subject.params
    taps = problem.file.taps if problem.file else ("y_hat",)
    told = () if problem.regime in TRAJECTORIES else WHOLE if "y_hat" in taps else ("loss",)
    missing = [name for name in params if name not in answer.tensors]
    extra = [name for name in answer.tensors if name not in params and (name not in taps or not problem.file)]
    whole = [name for name in told if name not in answer.named]
    if not (missing or extra or whole):
        return None
    said = [f"no gradient of {name}" for name in missing] + [f"{name} is no parameter" for name in extra]
    text = ", ".join(said + [f"no {name}" for name in whole])
    wrong = Judgement(Verdict.FAIL, text, diagnosis=Diagnosis("key", text))
    return replace(
        _report(cell, seconds, dict.fromkeys(missing + extra + whole, wrong)), verdict=Verdict.FAIL, reason=text
    )


@precision(FIRST_BITS)
def _decide_relation(cell: Cell, answers: Sequence[Evaluation], seconds: float) -> Report:
    """The original answer against what the changed ones say of it; the bounds of both sides add.

    A PASS says that the relation holds, which wrong gradients may: other cells hold them against the truth.
    """
    problem = cell.problem
    if RELATIONS[problem.regime].exact:
        return _decide_repeated(cell, answers, seconds)
    original, *changed = answers
    judged = {}
    changed_truths = _changed_truths(problem, cell.algorithm, cell.matmul_precision)
    for name, quantity in truth(problem, cell.algorithm, cell.matmul_precision).named.items():
        if name == "output":  # of other examples, or of more of them
            continue
        sides = [
            (change.back, answer.named[name], theirs.named[name])
            for change, answer, theirs in zip(_changes(problem), changed, changed_truths, strict=True)
        ]
        ill_formed = [j for _, tensor, q in sides if (j := judge(*tensor, q, problem.dtype)).diagnosis]
        if ill_formed:
            judged[name] = ill_formed[0]
            continue
        said = sum(back(name, balls(values.astype(np.float64))) for back, (values, _), _ in sides)
        likely = quantity.likely + sum(back(name, q.likely) for back, _, q in sides)
        rigorous = quantity.rigorous + sum(back(name, q.rigorous) for back, _, q in sides)
        judged[name] = judge(*original.named[name], Quantity(np.asarray(said, object), likely, rigorous), problem.dtype)
    return _concluded(_report(cell, seconds, judged))


def _decide_repeated(cell: Cell, answers: Sequence[Evaluation], seconds: float) -> Report:
    """Two runs of the same inputs: the same bits, or it is reported. Other bits are no fault, so they do not fail."""
    first, second = (answer.named for answer in answers)
    different = [name for name in first if first[name][0].tobytes() != second[name][0].tobytes()]
    told = {
        name: Judgement(Verdict.INCONCLUSIVE, "not deterministic: two runs on the same inputs differ")
        if name in different
        else Judgement(Verdict.PASS)
        for name in first
    }
    return _concluded(_report(cell, seconds, told))
