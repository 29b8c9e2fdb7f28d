"""One run: workers started, ceilings measured, cells measured in interleaved rounds within a time budget."""

import math
import os
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

from backproof.core.errors import InputError
from backproof.hosting.registry import registered
from backproof_numpy.tiles import cores
from benchmarks import cuda, user_models
from benchmarks.ceilings import NAMES as CEILINGS
from benchmarks.cells import Cell, floor, work
from benchmarks.entry import LEAST, MOST_STEPS, Entry
from benchmarks.environment import environment
from benchmarks.found import Found
from benchmarks.named import backend_of
from benchmarks.ratios import PEERS, ratio, ratios
from benchmarks.verify import Verifier
from benchmarks.worker import Worker

ROUNDS = 3, 40  # at least, and at most
BRIEF = 2.0  # seconds: rounds shorter than this are always worth it
SLOW = 4.0  # times the fastest: measured in the least number of rounds


class Run:
    """Measures cells; `results` grow cell by cell."""

    def __init__(self, series: Sequence[str], backends: Sequence[str] = ()) -> None:
        self.threads = cores()
        of = {name: backend_of(name) for name in series}
        names = list(dict.fromkeys([*of.values(), *backends])) or list(registered())
        self.workers = {name: Worker(name, self.threads) for name in names}
        self.gauges: list[Worker] = []  # the libraries that measure ceilings
        self.offered = {f"{n}:{s.name}": (w, s) for n, w in self.workers.items() for s in w.description.series}
        asked = []
        for name in series:  # `module:attr` alone is all its series
            found = [full for full in self.offered if name in (full, of[name]) and full.startswith(of[name] + ":")]
            if not found or (name == of[name] and ":" not in name):
                self.close()
                raise InputError(f"there is no series {name}; there are {', '.join(self.offered)}")
            asked += found
        self.series = list(dict.fromkeys(asked)) or list(self.offered)
        self.ceilings: dict[str, dict[str, float]] = {}
        self.results: list[dict[str, Any]] = []
        self._own: dict[str, dict[str, float]] = {}  # by cell, the ceilings in its rounds
        self.noise: dict[str, Any] = {}
        self.left_out: list[dict[str, str]] = []
        self.clocks: list[dict[str, Any]] = []  # of a GPU, before and after every cell
        self.load = os.getloadavg()[0] if hasattr(os, "getloadavg") else None

    def close(self) -> None:
        for worker in {*self.workers.values(), *self.gauges}:
            worker.close()

    def measure_ceilings(self, precisions: Sequence[str], device: str = "cpu") -> None:
        """The best of every library whose series are asked, of NumPy where none is, and of every time asked."""
        libraries = ("numpy", "torch") if device == "cpu" else ("torch",)
        if not self.gauges:
            self.gauges = [w for w in self.workers.values() if w.description.name in libraries]
            self.gauges = self.gauges or [Worker(libraries[0], self.threads)]
        for precision in precisions:
            best = self.ceilings.setdefault(precision, {})
            for worker in self.gauges:
                for name, value in worker.ceilings(precision, device).items():
                    best[name] = max(best.get(name, 0.0), value)

    def measure(self, cell: Cell, seconds: float, told: Callable[[str], None]) -> None:
        """As `_measure`; on a GPU, with its clocks before and after."""
        if cell.device != "cuda":
            return self._measure(cell, seconds, told)
        before = cuda.clocks()
        self._measure(cell, seconds, told)
        self.clocks.append({"cell": cell.id, "before": before, "after": cuda.clocks()})
        return None

    def _measure(self, cell: Cell, seconds: float, told: Callable[[str], None]) -> None:
        """Warm, choose the steps of a call, time in interleaved rounds for about `seconds`, verify, record."""
        deadline = time.monotonic() + seconds
        entries = list(self._entries(cell))
        if seconds <= 0 and self.results:  # one cell is measured, however short the budget
            self.left_out += [
                {"cell": cell.id, "series": e.label, "reason": "no time was left; raise --budget"} for e in entries
            ]
            return
        given = user_models.start(cell.file, cell.dims)[1:] if cell.file else None
        for worker in dict.fromkeys(e.worker for e in entries):
            try:
                worker.place(cell, given)
            except InputError as error:
                for entry in entries:
                    entry.failure = str(error) if entry.worker is worker else entry.failure
        for entry in [e for e in entries if not e.failure]:
            told(f"{cell.id}: {entry.label} compiles")
            entry.warm()
        alive = [e for e in entries if not e.failure]
        plain = [e for e in alive if e.series != "moments"]
        fastest = min((e.step_seconds for e in plain), default=LEAST)
        steps = min(math.ceil(1.1 * LEAST / fastest), MOST_STEPS)
        for entry in plain:
            entry.steps = steps
        for entry in [e for e in alive if ROUNDS[0] * e.steps * e.step_seconds > max(seconds, BRIEF)]:
            alive.remove(entry)
            reason = f"{ROUNDS[0]} rounds of {entry.steps} steps would take longer than the cell's share of --budget"
            self.left_out.append({"cell": cell.id, "series": entry.label, "reason": reason})
        names, looks = self._may_bind(cell), list[dict[str, float]]()
        for number in range(ROUNDS[1] if alive else 0):
            if number >= ROUNDS[0] and time.monotonic() > deadline:
                break
            for entry in alive[number % len(alive) :] + alive[: number % len(alive)]:  # no one is always first
                if entry.failure or (number >= ROUNDS[0] and entry.step_seconds > SLOW * fastest):
                    continue
                told(f"{cell.id}: {entry.label}, round {number + 1}")
                entry.time()
            looks.append(self._look(cell, names))
        own = {name: statistics.median(look[name] for look in looks) for name in names if looks}
        self._own[cell.id] = self.ceilings[cell.precision] | own
        told(f"{cell.id}: verifying")
        self._record(cell, [e for e in alive if not e.failure], steps)
        for entry in entries:
            if entry.failure and not entry.label.startswith("A/A"):
                told(entry.failure)
                self.results.append(self._result(cell, entry, Found(False, math.nan, math.nan, entry.failure)))

    def _may_bind(self, cell: Cell) -> list[str]:
        """The ceilings that may bind in this cell; none where calls do."""
        need, ceilings = work(cell), self.ceilings[cell.precision]
        if floor(cell, ceilings)[1] == "dispatch":
            return []
        terms = {
            name: need[what] / ceilings[name]
            for name, what in zip(CEILINGS, ("flops", "bytes", "exps"), strict=True)
            if name in ceilings
        }
        return [name for name, seconds in terms.items() if seconds > max(terms.values()) / 20]

    def _look(self, cell: Cell, names: Sequence[str]) -> dict[str, float]:
        """These ceilings, looked at once, as every series is in a round: what slows the machine slows them too."""
        if not names:
            return {}
        seen = [worker.ceilings(cell.precision, cell.device, names, 1) for worker in self.gauges]
        look = {name: max(one[name] for one in seen) for name in names}
        best = self.ceilings[cell.precision]
        best.update({name: max(best.get(name, 0.0), value) for name, value in look.items()})
        return look

    def _entries(self, cell: Cell) -> Iterator[Entry]:
        able = [
            Entry(name, worker, series.name)
            for name, (worker, series) in ((name, self.offered[name]) for name in self.series)
            if worker.description.offers(series, cell.model, cell.dtype, bool(cell.file))
            and worker.description.runs(series, cell.device)
            and series.matmul_precision == cell.products
        ]
        yield from able
        twin = next((e for e in able if e.label in PEERS[1:]), able[0] if able else None)
        if twin:  # the same series a second time: what differs is noise
            yield Entry(f"A/A {twin.label}", twin.worker, twin.series)

    def _record(self, cell: Cell, entries: Sequence[Entry], steps: int) -> None:
        verifier, told = Verifier(cell, steps), dict[str, dict[str, Any]]()
        for entry in entries:
            told[entry.label] = self._result(cell, entry, self._check(verifier, entry))
        for label, result in told.items():
            if not label.startswith("A/A"):
                self.results.append(result)
            elif result["verified"] and told[label[4:]]["verified"]:
                same = ratio(result, told[label[4:]])
                self.noise[cell.id] = {"series": label[4:], "ratio": same["ratio"], "interval": same["interval"]}

    def _check(self, verifier: Verifier, entry: Entry) -> Found:
        try:
            timed, ends = entry.worker.timed(entry.series, entry.steps), partial(entry.worker.ends, entry.series)
            return verifier.check(timed, ends, entry.series == "moments")
        except InputError as error:
            return Found(False, math.nan, math.nan, str(error))
        except MemoryError:
            return Found(False, math.nan, math.nan, "verifying it takes more memory than there is")

    def _result(self, cell: Cell, entry: Entry, found: Found) -> dict[str, Any]:
        """No time is published where verification fails."""
        verified = found.verified
        samples = entry.samples if verified else []
        median = statistics.median(samples) if samples else None
        ceilings = self._own.get(cell.id, self.ceilings[cell.precision])
        least, binds = floor(cell, ceilings)
        another = entry.series == "moments"  # the floor is of the ordinary algorithm
        gemm = work(cell)["flops"] / ceilings["gemm_flops_per_s"]
        return {
            "cell": cell.id,
            "model": cell.model,
            "series": entry.label.removeprefix("A/A "),
            "dtype": cell.dtype,
            "device": cell.device,
            "products": cell.products,
            "shape": {"n": None, "m": None, "k": None} | dict(cell.dims),
            "threads": self.threads,
            "steps": entry.steps,
            "samples": samples,
            "median": median,
            "quartiles": statistics.quantiles(samples, n=4) if len(samples) > 1 else None,
            "ceilings": ceilings,
            "floor": None if another else least,
            "efficiency": least / median if median and not another else None,
            "gemm_share": gemm / median if median and gemm and not another else None,
            "binds": binds,
            "compile_seconds": entry.compile_seconds,
            "dispatch_seconds": entry.dispatch_seconds,
            "warm_step_seconds": entry.step_seconds if verified and another else None,
            "verified": verified,
            "error": found.error,
            "bound": found.bound,
            "reason": found.reason,
        }

    def leave_out(self, planned: Sequence[Cell], reason: str) -> None:
        """Name every series of these cells that has neither a result nor a reason yet."""
        told = {(one["cell"], one["series"]) for one in [*self.results, *self.left_out]}
        for cell in planned:
            labels = [e.label for e in self._entries(cell) if not e.label.startswith("A/A")]
            new = [label for label in labels if (cell.id, label) not in told]
            self.left_out += [{"cell": cell.id, "series": label, "reason": reason} for label in new]

    def environment(self) -> dict[str, Any]:
        return environment(self.threads, self.load, self.workers)

    def as_json(self, partial: bool) -> dict[str, Any]:
        return {
            "environment": self.environment(),
            "ceilings": self.ceilings,
            "noise": self.noise,
            "results": self.results,
            "ratios": ratios(self.results),
            "left_out": self.left_out,
            **({"clocks": self.clocks} if self.clocks else {}),
            "partial": partial,
        }
