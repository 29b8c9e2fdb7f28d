"""A series of a cell while it is measured: what compiling, starting and a step of it take."""

import math
from dataclasses import dataclass, field

from backproof.core.errors import InputError
from benchmarks.worker import Worker

LEAST = 0.010  # seconds of a timed call
MOST_STEPS = 20_000
MOMENTS_STEPS = 1000  # in a timed call of numpy:moments, which sets up once in each


@dataclass
class Entry:
    """A series of a cell while it is measured."""

    label: str
    worker: Worker
    series: str
    steps: int = 1
    compile_seconds: float = 0.0
    dispatch_seconds: float = 0.0
    step_seconds: float = 0.0
    samples: list[float] = field(default_factory=list)
    failure: str | None = None
    deaths: int = 0  # of its process, when it was warm

    def warm(self) -> None:
        """The first call compiles, a second of one step starts and ends as any call does; then calls of ever more
        steps, until one is long enough to tell a step's time."""
        try:
            first = self.worker.run(self.series, 1)
            one = seconds = self.worker.run(self.series, 1)
            self.compile_seconds, steps = max(first - one, 0.0), 1
            if self.series == "moments":
                self.steps = MOMENTS_STEPS
                base, longer = (self.worker.run(self.series, s) for s in (MOMENTS_STEPS, 3 * MOMENTS_STEPS))
                self.step_seconds = max(longer - base, 0.0) / (2 * MOMENTS_STEPS)  # without the set-up
                self.deaths = self.worker.deaths
                return
            while seconds < LEAST and steps < MOST_STEPS:
                steps = min(MOST_STEPS, max(2 * steps, min(16 * steps, math.ceil(steps * LEAST / max(seconds, 1e-9)))))
                seconds = self.worker.run(self.series, steps)
            self.step_seconds = seconds / steps
            self.dispatch_seconds = max(one - self.step_seconds, 0.0)
            self.deaths = self.worker.deaths
        except InputError as error:
            self.failure = str(error)

    def time(self) -> None:
        """One sample more; a new process is warmed first."""
        try:
            if self.worker.deaths > self.deaths:
                self.worker.run(self.series, self.steps)
                self.deaths = self.worker.deaths
            self.samples.append(self.worker.run(self.series, self.steps) / self.steps)
        except InputError as error:
            self.failure = str(error)
