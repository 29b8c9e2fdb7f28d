"""What a cell asks of its backend, and what the answers say of it: one function for the command and for pytest."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache

import numpy as np

from backproof.conformance.by_hand import judge_by_hand
from backproof.conformance.cells import Cell, Problem, inputs
from backproof.conformance.precision import Probe, with_provenance
from backproof.conformance.relations import RELATIONS, Changed
from backproof.conformance.repeats import repeated, with_later
from backproof.conformance.trajectories import TRAJECTORIES
from backproof.hosting.evaluation import Evaluation, Failure, Task
from backproof.hosting.layouts import LAYOUTS
from backproof.truth.balls import balls, precision
from backproof.truth.certify import Truth, certify, certify_descent
from backproof.truth.exact import Undecided
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


def decide(cell: Cell, answers: Sequence[Evaluation | Failure], probe: Probe | None = None) -> Report:
    """Judge a cell by the answers to its tasks, tensor by tensor; the cell is as bad as the worst.

    Where further calls answered in other bits, their answers are judged too. `probe` asks what shows a lower
    precision; without it none is named.
    """
    evaluations = [answer for answer in answers if isinstance(answer, Evaluation)]
    for answer in answers:
        if isinstance(answer, Failure):
            return Report(cell, Verdict.ERROR, answer.reason)
    try:
        return _decide(cell, evaluations, probe)
    except Undecided as undecided:
        return Report(cell, Verdict.INCONCLUSIVE, f"no truth: {undecided}")


def _decide(cell: Cell, evaluations: Sequence[Evaluation], probe: Probe | None) -> Report:
    seconds = sum(answer.seconds for answer in evaluations)
    for answer in evaluations:
        if wrong := _wrong_keys(cell, answer):
            text = ", ".join(dict.fromkeys(str(j.reason) for j in wrong.values()))
            return replace(_report(cell, seconds, wrong), verdict=Verdict.FAIL, reason=text)
    if cell.problem.regime in RELATIONS and RELATIONS[cell.problem.regime].exact:
        return _concluded(_report(cell, seconds, _repeated(cell, evaluations)))
    judged, named = _judged(cell, evaluations), None
    if cell.by_hand:
        judged = _by_hand(cell, judged, evaluations[0])
    elif cell.problem.regime not in RELATIONS and cell.problem.regime not in TRAJECTORIES:
        expected = truth(cell.problem, cell.algorithm, cell.matmul_precision)
        judged, named = with_provenance(cell, judged, evaluations[0], expected, probe)
    later = [
        (other.call, _others(cell, [*evaluations[:i], other, *evaluations[i + 1 :]], answer.other_bits(other)))
        for i, answer in enumerate(evaluations)
        for other in answer.later
    ]
    return _concluded(_report(cell, seconds, with_later(judged, later, cell.by_hand), named))


def _others(cell: Cell, evaluations: Sequence[Evaluation], different: Sequence[str]) -> dict[str, Judgement]:
    """The judgements of the tensors `different` in a bit, where one evaluation is a later call's."""
    for answer in evaluations:
        if wrong := _wrong_keys(cell, answer):
            return wrong
    return {name: j for name, j in _judged(cell, evaluations).items() if name in different}


def _judged(cell: Cell, evaluations: Sequence[Evaluation]) -> dict[str, Judgement]:
    """Every tensor's judgement by its bounds: against the truth, or against what the relation's other sides say."""
    problem = cell.problem
    if problem.regime in RELATIONS and not RELATIONS[problem.regime].exact:
        return _judge_relation(cell, evaluations)
    expected = _expected(cell)
    return {n: judge(*evaluations[0].named[n], quantity, problem.dtype) for n, quantity in expected.items()}


def _expected(cell: Cell) -> Mapping[str, Quantity]:
    """The truth of every tensor of a cell that is no relation: of a descent, of the parameters after it."""
    if cell.problem.regime in TRAJECTORIES:
        return _trajectory(cell.problem, cell.algorithm, cell.matmul_precision)
    return truth(cell.problem, cell.algorithm, cell.matmul_precision).named


def _by_hand(cell: Cell, judged: dict[str, Judgement], answer: Evaluation) -> dict[str, Judgement]:
    """The judgements, those of a user's gradients by the rule that `check` has; a relation asks no truth."""
    problem = cell.problem
    if problem.regime in RELATIONS and not RELATIONS[problem.regime].exact:
        return judged
    mine = {name: quantity for name, quantity in _expected(cell).items() if name in problem.subject.params}
    return judged | judge_by_hand(tasks(cell)[0], problem, judged, mine, answer.tensors)


def _repeated(cell: Cell, evaluations: Sequence[Evaluation]) -> dict[str, Judgement]:
    """Two runs of the same inputs, with their further calls: the same bits, or it is reported; a wrong one fails."""
    first, *others = [call for answer in evaluations for call in (answer, *answer.later)]
    different = {call: names for call, other in enumerate(others, 2) if (names := first.other_bits(other))}
    if not different:
        return dict.fromkeys(first.named, Judgement(Verdict.PASS))
    judged = _judged(cell, [first])
    judged = _by_hand(cell, judged, first) if cell.by_hand else judged
    later = [(call, _others(cell, [others[call - 2]], names)) for call, names in different.items()]
    return repeated(judged, later, cell.by_hand)


def _report(cell: Cell, seconds: float, judged: Mapping[str, Judgement], precision: str | None = None) -> Report:
    """A report of judged tensors by name: "loss", "output" and the parameters' (of a descent, their own)."""
    rest = {name: j for name, j in judged.items() if name not in WHOLE}
    descends = cell.problem.regime in TRAJECTORIES
    ends = {n: j for n, j in rest.items() if descends and not (j.diagnosis and j.diagnosis.kind == "key")}
    return Report(
        cell,
        Verdict.PASS,
        None,
        seconds,
        {name: j for name, j in rest.items() if name not in ends},
        judged.get("loss"),
        judged.get("output"),
        ends,
        precision,
    )


def _concluded(report: Report) -> Report:
    name, worst = max(report.tensors.items(), key=lambda item: item[1].verdict.gravity)
    return replace(report, verdict=worst.verdict, reason=f"{name}: {worst.reason}" if worst.reason else None)


def _wrong_keys(cell: Cell, answer: Evaluation) -> dict[str, Judgement]:
    """A failed judgement of each tensor that the answer lacks, or has too many; none where it has what it must."""
    problem = cell.problem
    params = problem.subject.params
    taps = problem.file.taps if problem.file else ("y_hat",)
    told = () if problem.regime in TRAJECTORIES else WHOLE if "y_hat" in taps else ("loss",)
    missing = [name for name in params if name not in answer.tensors]
    extra = [name for name in answer.tensors if name not in params and (name not in taps or not problem.file)]
    whole = [name for name in told if name not in answer.named]
    said = [f"no gradient of {name}" for name in missing] + [f"{name} is no parameter" for name in extra]
    text = ", ".join(said + [f"no {name}" for name in whole])
    return dict.fromkeys(missing + extra + whole, Judgement(Verdict.FAIL, text, diagnosis=Diagnosis("key", text)))


@precision(FIRST_BITS)
def _judge_relation(cell: Cell, answers: Sequence[Evaluation]) -> dict[str, Judgement]:
    """The original answer against what the changed ones say of it; the bounds of both sides add.

    A PASS says that the relation holds, which wrong gradients may: other cells hold them against the truth.
    """
    problem = cell.problem
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
    return judged
