"""Running cells: the backends answer side by side, each in its own process; one place judges."""

import queue
import threading
from collections.abc import Iterator, Mapping, Sequence

from backproof.conformance.cells import Cell
from backproof.conformance.decide import Report, decide, tasks
from backproof.hosting.evaluation import Evaluation, Failure
from backproof.hosting.registry import one_line
from backproof.hosting.worker import Worker
from backproof.verdicts.judgement import Verdict

CELL_SECONDS = 120.0  # for each evaluation of a cell, a compilation included

Answers = list[Evaluation | Failure]


def ask(worker: Worker, cell: Cell, seconds: float = CELL_SECONDS) -> Answers:
    """The backend's answers to a cell's tasks, up to the first failure."""
    answers: Answers = []
    for task in tasks(cell):
        answers.append(worker.run(task, seconds))
        if isinstance(answers[-1], Failure):
            break
    return answers


def run(cells: Sequence[Cell], workers: Mapping[str, Worker], seconds: float = CELL_SECONDS) -> Iterator[Report]:
    """Run the cells, `workers` being by backend name, and yield each report as it is decided.

    A backend that crashes, hangs for `seconds` or raises costs its own cells (ERROR) and nothing else.
    """
    answered: queue.SimpleQueue[tuple[Cell, Answers]] = queue.SimpleQueue()
    stop = threading.Event()

    def ask_all(worker: Worker, own: Sequence[Cell]) -> None:
        for cell in own:
            if stop.is_set():
                return
            try:
                answers = ask(worker, cell, seconds)
            except Exception as error:
                answers = [Failure(one_line(error))]
            answered.put((cell, answers))

    runnable = [cell for cell in cells if cell.skip is None]
    yield from (Report(cell, Verdict.SKIP, cell.skip) for cell in cells if cell.skip is not None)
    for name, worker in workers.items():
        own = [cell for cell in runnable if cell.backend == name]
        threading.Thread(target=ask_all, args=(worker, own), daemon=True).start()
    try:
        for _ in runnable:
            yield decide(*answered.get())
    finally:
        stop.set()
        for worker in workers.values():
            worker.close()
