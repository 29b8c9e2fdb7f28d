"""Running cells: the backends answer side by side, each in its own process; one place judges."""

import queue
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cache, partial
from itertools import count

from backproof.conformance.cells import Cell
from backproof.conformance.decide import Report, decide, tasks
from backproof.conformance.probe import Shown, probe_tasks, shown
from backproof.conformance.repeats import ordinal
from backproof.hosting.evaluation import Evaluation, Failure, Task
from backproof.hosting.worker import OutOfTime, Worker
from backproof.isolation.death import one_line
from backproof.verdicts.judgement import Verdict

CELL_SECONDS = 120.0  # for each evaluation of a cell, a compilation included
# On the same arrays. What records or profiles its first calls replays something else from the third on (CUDA graphs,
# TorchScript), so one regime has more of them.
CALLS, MORE_CALLS = 2, 4
PATIENCE = 3  # time-outs of a series, after which the rest of it is not run
GIVEN_UP = "not run: {} cells of {} before it gave no answer within {:g} s; --time-limit allows more"

Answers = list[Evaluation | Failure]


def ask(worker: Worker, cell: Cell, seconds: float = CELL_SECONDS) -> Answers:
    """The backend's answers to a cell's tasks, up to the first failure; each task is asked several times."""
    answers: Answers = []
    calls = MORE_CALLS if cell.problem.regime in ("normal", "repeated") else CALLS
    for task in tasks(cell):
        answers.append(_called(worker, task, calls, seconds))
        if isinstance(answers[-1], Failure):
            break
    return answers


def _called(worker: Worker, task: Task, calls: int, seconds: float) -> Evaluation | Failure:
    """The first answer to a task, with those of further calls that differ from it in a bit."""
    first = worker.run(task, seconds)
    if isinstance(first, Failure):
        return first
    later: list[Evaluation] = []
    for call in range(2, calls + 1):
        answer = worker.run(replace(task, again=True), seconds)
        if isinstance(answer, Failure):
            return replace(answer, reason=f"the {ordinal(call)} call on the same arrays: {answer.reason}")
        if first.other_bits(answer):
            later.append(replace(answer, call=call))
    return replace(first, later=tuple(later))


def ask_probe(worker: Worker, cell: Cell, seconds: float = CELL_SECONDS) -> Shown | None:
    """The lower precision that the backend's answers to a probe's cell show."""
    return shown(cell, [worker.run(task, seconds) for task in probe_tasks(cell)])


class _Asker(threading.Thread):
    """Asks one backend, a job at a time: a probe is asked before the cells that are left."""

    def __init__(self, worker: Worker, stop: threading.Event) -> None:
        super().__init__(daemon=True)
        self._worker, self._stop_asked = worker, stop
        self._jobs: queue.PriorityQueue[tuple[int, int, Callable[[], object]]] = queue.PriorityQueue()
        self._numbers = count()

    def run(self) -> None:
        while not self._stop_asked.is_set():
            self._jobs.get()[2]()

    def add(self, job: Callable[[], object], priority: int = 1) -> None:
        self._jobs.put((priority, next(self._numbers), job))

    def probe(self, cell: Cell, seconds: float) -> Shown | None:
        """`ask_probe`, once the backend's present cell is answered. What is judged is judged by the caller's thread."""
        asked, reply = probe_tasks(cell), queue.SimpleQueue[Answers]()
        answers = partial(_answers, lambda: [self._worker.run(task, seconds) for task in asked])
        self.add(lambda: reply.put(answers()), priority=0)
        return shown(cell, reply.get())


def _answers(asking: Callable[[], Answers]) -> Answers:
    try:
        return asking()
    except Exception as error:
        return [Failure(one_line(error))]


def run(cells: Sequence[Cell], workers: Mapping[str, Worker], seconds: float = CELL_SECONDS) -> Iterator[Report]:
    """Run the cells, `workers` being by backend name, and yield each report as it is decided.

    A backend that crashes, hangs for `seconds` or raises costs its own cells (ERROR) and nothing else.
    """
    answered: queue.SimpleQueue[tuple[Cell, Answers]] = queue.SimpleQueue()
    stop = threading.Event()
    askers = {name: _Asker(worker, stop) for name, worker in workers.items()}

    late: Counter[tuple[str, str]] = Counter()  # time-outs, by backend and series

    @cache
    def probe(cell: Cell) -> Shown | None:
        return askers[cell.backend].probe(cell, seconds)

    def answer(cell: Cell) -> None:
        series = cell.backend, cell.series
        if late[series] >= PATIENCE:
            answered.put((cell, [Failure(GIVEN_UP.format(PATIENCE, cell.series, seconds))]))
            return
        answers = _answers(lambda: ask(workers[cell.backend], cell, seconds))
        late[series] += isinstance(answers[-1], OutOfTime)
        answered.put((cell, answers))

    runnable = [cell for cell in cells if cell.skip is None]
    yield from (Report(cell, Verdict.SKIP, cell.skip) for cell in cells if cell.skip is not None)
    for cell in runnable:
        askers[cell.backend].add(partial(answer, cell))
    for asker in askers.values():
        asker.start()
    try:
        for _ in runnable:
            yield decide(*answered.get(), probe)
    finally:
        stop.set()
        for asker in askers.values():
            asker.add(lambda: None, priority=-1)  # what waits for a job looks up
        for worker in workers.values():
            worker.close()
