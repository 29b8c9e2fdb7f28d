"""Running cells: the backends answer side by side, each in its own process; one place judges."""

import queue
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache

from backproof.conformance.cells import Arrays, Cell, Problem, sample
from backproof.conformance.verdict import Diagnosis, Judgement, Verdict, judge
from backproof.conformance.worker import Evaluation, Failure, Worker
from backproof.models import MODELS
from backproof.truth.certify import Truth, certify

CELL_SECONDS = 120.0  # a compilation included


@dataclass(frozen=True)
class Report:
    """A cell's verdict, and the judgement of every tensor it is made of."""

    cell: Cell
    verdict: Verdict
    reason: str | None = None
    seconds: float | None = None
    gradients: Mapping[str, Judgement] = field(default_factory=dict)
    loss: Judgement | None = None
    output: Judgement | None = None

    @property
    def tensors(self) -> dict[str, Judgement]:
        """Every judged tensor by name, the gradients as `dW1`."""
        named = {"loss": self.loss, "output": self.output}
        return {name: j for name, j in named.items() if j} | {f"d{name}": j for name, j in self.gradients.items()}

    @property
    def worst(self) -> float | None:
        """The largest error as a fraction of its bound."""
        ratios = [j.error / j.bound for j in self.tensors.values() if j.error is not None and j.bound]
        return max(ratios, default=None)


@cache
def inputs(problem: Problem) -> Arrays:
    """The problem's arrays, sampled once."""
    return sample(problem)


@cache
def truth(problem: Problem) -> Truth:
    """The problem's certified truth, computed once however many cells share it."""
    return certify(MODELS[problem.model], inputs(problem), problem.dtype)


def decide(cell: Cell, answer: Evaluation | Failure) -> Report:
    """Judge a backend's answer tensor by tensor; the cell is as bad as the worst."""
    if isinstance(answer, Failure):
        return Report(cell, Verdict.ERROR, answer.reason)
    dtype, expected = cell.problem.dtype, truth(cell.problem)
    missing = [name for name in expected.gradients if name not in answer.gradients]
    extra = [name for name in answer.gradients if name not in expected.gradients]
    if missing or extra:
        return _wrong_keys(cell, answer, missing, extra)
    gradients = {name: judge(*answer.gradients[name], quantity, dtype) for name, quantity in expected.gradients.items()}
    loss = judge(*answer.loss, expected.loss, dtype)
    output = judge(*answer.output, expected.output, dtype) if expected.output else None
    report = Report(cell, Verdict.PASS, None, answer.seconds, gradients, loss, output)
    name, worst = max(report.tensors.items(), key=lambda item: item[1].verdict.gravity)
    reason = f"{name}: {worst.reason}" if worst.reason else None
    return Report(cell, worst.verdict, reason, answer.seconds, gradients, loss, output)


def _wrong_keys(cell: Cell, answer: Evaluation, missing: list[str], extra: list[str]) -> Report:
    said = [f"no gradient of {name}" for name in missing] + [f"a gradient of {name}, no parameter" for name in extra]
    text = ", ".join(said)
    wrong = Judgement(Verdict.FAIL, text, diagnosis=Diagnosis("key", text))
    return Report(cell, Verdict.FAIL, text, answer.seconds, dict.fromkeys(missing + extra, wrong))


def run(cells: Sequence[Cell], workers: Mapping[str, Worker], seconds: float = CELL_SECONDS) -> Iterator[Report]:
    """Run the cells, `workers` being by backend name, and yield each report as it is decided.

    A backend that crashes, hangs for `seconds` or raises costs its own cells (ERROR) and nothing else.
    """
    answers: queue.SimpleQueue[tuple[Cell, Evaluation | Failure]] = queue.SimpleQueue()
    stop = threading.Event()

    def ask(worker: Worker, own: Sequence[Cell]) -> None:
        for cell in own:
            if stop.is_set():
                return
            answers.put((cell, worker.run(cell, inputs(cell.problem), seconds)))

    runnable = [cell for cell in cells if cell.skip is None]
    yield from (Report(cell, Verdict.SKIP, cell.skip) for cell in cells if cell.skip is not None)
    for name, worker in workers.items():
        own = [cell for cell in runnable if cell.backend == name]
        threading.Thread(target=ask, args=(worker, own), daemon=True).start()
    try:
        for _ in runnable:
            yield decide(*answers.get())
    finally:
        stop.set()
        for worker in workers.values():
            worker.close()
