"""What a cell asks of its backend, and what the answers say of it: one function for the command and for pytest."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache

import numpy as np

from backproof.conformance.cells import LEARNING_RATE, STEPS, TRAJECTORY, Cell, Problem, inputs
from backproof.conformance.precision import provenance
from backproof.conformance.relations import RELATIONS, Changed
from backproof.conformance.verdict import Diagnosis, Judgement, Verdict, judge
from backproof.conformance.worker import Evaluation, Failure, Task, Tensor
from backproof.models import MODELS
from backproof.truth.certify import Quantity, Truth, certify, certify_descent
from backproof.truth.exact import balls


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
def truth(problem: Problem, form: str | None = None) -> Truth:
    """The problem's certified truth (with the bounds of a form), computed once however many cells share it."""
    return certify(MODELS[problem.model], inputs(problem), problem.dtype, form)


@cache
def _trajectory(problem: Problem, form: str | None) -> dict[str, Quantity]:
    return certify_descent(MODELS[problem.model], inputs(problem), problem.dtype, LEARNING_RATE, STEPS, form)


@cache
def _changes(problem: Problem) -> list[Changed]:
    return RELATIONS[problem.regime].change(MODELS[problem.model], inputs(problem))


@cache
def _changed_truths(problem: Problem, form: str | None) -> list[Truth]:
    model = MODELS[problem.model]
    return [certify(model, change.arrays, problem.dtype, form) for change in _changes(problem)]


def tasks(cell: Cell) -> list[Task]:
    """What the backend is asked: one evaluation, one descent, or a relation's evaluations after the original one."""
    problem = cell.problem
    original = Task(problem.model, cell.series, problem.dtype, cell.device, inputs(problem))
    if problem.regime == TRAJECTORY:
        return [replace(original, steps=STEPS, learning_rate=LEARNING_RATE)]
    if problem.regime in RELATIONS:
        return [original, *(replace(original, arrays=dict(change.arrays)) for change in _changes(problem))]
    return [replace(original, layout=problem.regime)]


def decide(cell: Cell, answers: Sequence[Evaluation | Failure]) -> Report:
    """Judge a cell by the answers to its tasks, tensor by tensor; the cell is as bad as the worst."""
    problem = cell.problem
    evaluations = [answer for answer in answers if isinstance(answer, Evaluation)]
    for answer in answers:
        if isinstance(answer, Failure):
            return Report(cell, Verdict.ERROR, answer.reason)
    seconds = sum(answer.seconds for answer in evaluations)
    wrong = [_wrong_keys(cell, answer, seconds) for answer in evaluations]
    for report in wrong:
        if report:
            return report
    if problem.regime == TRAJECTORY:
        ends = _judge_all(evaluations[0].tensors, _trajectory(problem, cell.form), problem.dtype)
        return _concluded(Report(cell, Verdict.PASS, seconds=seconds, parameters=ends))
    if problem.regime in RELATIONS:
        return _decide_relation(cell, evaluations, seconds)
    expected, answer = truth(problem, cell.form), evaluations[0]
    gradients = _judge_all(answer.tensors, expected.gradients, problem.dtype)
    loss = judge(*answer.loss, expected.loss, problem.dtype) if answer.loss else None
    output = judge(*answer.output, expected.output, problem.dtype) if answer.output and expected.output else None
    report = Report(cell, Verdict.PASS, None, seconds, gradients, loss, output)
    return _concluded(_with_provenance(report, answer, expected))


def _with_provenance(report: Report, answer: Evaluation, expected: Truth) -> Report:
    """Name the lower precision that explains errors beyond the likely bounds; with a name, they fail."""
    asked = report.cell.problem.dtype
    judged = {name: j for name, j in {"loss": report.loss, "output": report.output}.items() if j} | dict(
        report.gradients
    )
    narrowed = {j.diagnosis.text for j in judged.values() if j.diagnosis and j.diagnosis.kind == "dtype"}
    if narrowed:
        return replace(report, precision=f"{min(narrowed)} (is {asked} switched off?)")
    beyond = [name for name, j in judged.items() if j.error is not None and j.bound and j.error > j.bound]
    if not beyond:
        return report
    tensors = {"loss": answer.loss, "output": answer.output, **answer.tensors}
    named = provenance(report.cell.problem, expected, {name: t[0] for name, t in tensors.items() if t}, beyond)
    if named is None:
        return report
    judged |= {name: replace(judged[name], verdict=Verdict.FAIL, reason=named) for name in beyond}
    gradients = {name: judged[name] for name in report.gradients}
    return replace(report, precision=named, loss=judged.get("loss"), output=judged.get("output"), gradients=gradients)


def _judge_all(tensors: Mapping[str, Tensor], expected: Mapping[str, Quantity], dtype: str) -> dict[str, Judgement]:
    return {name: judge(*tensors[name], quantity, dtype) for name, quantity in expected.items()}


def _concluded(report: Report) -> Report:
    name, worst = max(report.tensors.items(), key=lambda item: item[1].verdict.gravity)
    return replace(report, verdict=worst.verdict, reason=f"{name}: {worst.reason}" if worst.reason else None)


def _wrong_keys(cell: Cell, answer: Evaluation, seconds: float) -> Report | None:
    params = MODELS[cell.problem.model].params
    missing = [name for name in params if name not in answer.tensors]
    extra = [name for name in answer.tensors if name not in params]
    if not missing and not extra:
        return None
    text = ", ".join([f"no gradient of {name}" for name in missing] + [f"{name} is no parameter" for name in extra])
    wrong = Judgement(Verdict.FAIL, text, diagnosis=Diagnosis("key", text))
    return Report(cell, Verdict.FAIL, text, seconds, dict.fromkeys(missing + extra, wrong))


def _decide_relation(cell: Cell, answers: Sequence[Evaluation], seconds: float) -> Report:
    """The original answer against what the changed ones say of it; the bounds of both sides add."""
    problem, original = cell.problem, answers[0]
    if RELATIONS[problem.regime].exact:
        return _decide_repeated(cell, answers, seconds)
    own = truth(problem, cell.form)
    named: dict[str, Quantity] = {"loss": own.loss, **own.gradients}
    gradients = {}
    for name, quantity in named.items():
        sides = list(zip(_changes(problem), answers[1:], _changed_truths(problem, cell.form), strict=True))
        each = [theirs.loss if name == "loss" else theirs.gradients[name] for _, _, theirs in sides]
        tensors = [answer.loss if name == "loss" else answer.tensors[name] for _, answer, _ in sides]
        mine = original.loss if name == "loss" else original.tensors[name]
        if mine is None or any(tensor is None for tensor in tensors):
            continue
        formed = [judge(*tensor, q, problem.dtype) for tensor, q in zip(tensors, each, strict=True) if tensor]
        broken = next((j for j in formed if j.diagnosis), None)
        if broken:
            gradients[name] = broken
            continue
        backs = [change.back for change, _, _ in sides]
        values = sum(back(name, balls(t[0].astype(np.float64))) for back, t in zip(backs, tensors, strict=True) if t)
        likely, rigorous = (
            getattr(quantity, side) + sum(back(name, getattr(q, side)) for back, q in zip(backs, each, strict=True))
            for side in ("likely", "rigorous")
        )
        gradients[name] = judge(*mine, Quantity(np.asarray(values, object), likely, rigorous), problem.dtype)
    loss = gradients.pop("loss", None)
    return _concluded(Report(cell, Verdict.PASS, None, seconds, gradients, loss))


def _decide_repeated(cell: Cell, answers: Sequence[Evaluation], seconds: float) -> Report:
    """Two runs of the same inputs: the same bits, or it is reported. Other bits are no fault, so they do not fail."""
    first, second = (answer.tensors for answer in answers)
    different = [name for name in first if first[name][0].tobytes() != second[name][0].tobytes()]
    told = {
        name: Judgement(Verdict.INCONCLUSIVE, "not deterministic: two runs on the same inputs differ")
        if name in different
        else Judgement(Verdict.PASS)
        for name in first
    }
    return _concluded(Report(cell, Verdict.PASS, None, seconds, told))
