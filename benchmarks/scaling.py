"""Ranks on the cores here: weak and strong scaling, the cost of an all-reduce, and what a step on R hosts then takes.

    python -m benchmarks.scaling --backend torch --backend jax --json scaling.json --out scaling.svg

Every rank has one core and one thread. More ranks than cores are measured too, and marked as such.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from backproof.console.ending import ended
from backproof.console.parser import Parser
from backproof.core.errors import InputError
from backproof.core.files import check_writable, write_json
from backproof.descent.parameters import draw
from backproof.descent.ranks.launch import environment, free_port, place
from backproof.descent.ranks.session import joinable
from backproof.isolation.death import death
from backproof.isolation.process import Process
from backproof.models import MODELS
from backproof.pages import pictures
from backproof_numpy.tiles import cores
from benchmarks import scaling_plot
from benchmarks.environment import processor
from benchmarks.scaling_model import EXAMPLES, K, N, fitted, parameters, predicted

MODEL = MODELS["two_layer_nonlinear"]
FEW = 4  # examples: what a step costs without work
RANKS = (1, 2, 4)
LENGTHS = (1, 10**3, 10**5, 10**6)  # numbers in an all-reduce
REPEATS, LEAST = 5, 0.1  # of a timed call, and its seconds
SECONDS = 300.0


def main(argv: Sequence[str] | None = None) -> int:
    """Exit code: 0, or 2 where the input or the environment is at fault."""
    parser = Parser(prog="python -m benchmarks.scaling", description=__doc__.split("\n")[0], allow_abbrev=False)
    parser.add_argument("--backend", action="append", help="torch, jax (default: torch)")
    parser.add_argument("--json", metavar="FILE", help="write the result there")
    parser.add_argument("--out", metavar="FILE", help="draw measured and predicted times: .svg or .png")
    parser.add_argument("--rank-of", metavar="BACKEND", help=argparse.SUPPRESS)

    def run() -> int:
        arguments = parser.parse_args(argv)
        if arguments.rank_of is not None:
            _rank(arguments.rank_of)
            return 0
        check_writable(arguments.json, arguments.out)
        if arguments.out is not None:
            pictures.needed(arguments.out)
        for backend in arguments.backend or ["torch"]:
            joinable(backend)
        told = {"environment": _environment(), "backends": {}}
        for backend in arguments.backend or ["torch"]:
            most_first = [_together(backend, ranks) for ranks in reversed(RANKS)]  # one without ranks ends at once
            runs = most_first[::-1]
            told["backends"][backend] = {"runs": runs, "model": fitted(runs)}
            _show(backend, told["backends"][backend])
        if arguments.json:
            write_json(arguments.json, told)
        if arguments.out:
            scaling_plot.draw(told, arguments.out)
        return 0

    return ended("benchmarks.scaling", run)


def _together(backend: str, ranks: int) -> dict[str, Any]:
    """Measured times of so many ranks, as rank 0 tells them."""
    port = free_port()
    line = [sys.executable, "-m", "benchmarks.scaling", "--rank-of", backend]
    threads = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        code = _ended(
            [
                Process(
                    line,
                    env=environment(r, ranks, port) | threads,
                    stdout=subprocess.DEVNULL if r else out,
                    stderr=subprocess.DEVNULL if r else err,
                )
                for r in range(ranks)
            ]
        )
        out.seek(0)
        err.seek(0)
        said, wrong = out.read(), err.read().decode(errors="replace").strip()[-300:]
    if code is None:
        raise InputError(f"{backend}: {ranks} ranks give no answer within {SECONDS:g} s")
    if code:
        raise InputError(f"{backend}, {ranks} ranks: {wrong or death(code)}")
    found: dict[str, Any] = json.loads(said.splitlines()[-1])
    return found


def _ended(processes: Sequence[Process]) -> int | None:
    """The exit code of rank 0; None where it does not end in time. All end."""
    try:
        return processes[0].wait(SECONDS)
    finally:
        for process in processes:
            process.close()


def _rank(backend: str) -> None:
    """One rank: on a core of its own, as far as there are so many."""
    rank, mine = place(), sorted(os.sched_getaffinity(0))
    if rank is None:
        raise InputError("--rank-of is for the ranks that this command starts; give --backend")
    os.sched_setaffinity(0, {mine[rank[0] % len(mine)]})
    ranks = joinable(backend).join("cpu", SECONDS)
    if ranks.ranks != rank[1]:
        raise InputError(f"--backend is {backend}, which offers no ranks; torch and jax do")
    params = draw(MODEL, {"n": N, "m": FEW, "k": K}, np.random.default_rng(0))
    told: dict[str, Any] = {"ranks": ranks.ranks, "cores": len(mine), "oversubscribed": ranks.ranks > len(mine)}
    for name, m in (("few", FEW * ranks.ranks), ("strong", EXAMPLES), ("weak", EXAMPLES * ranks.ranks)):
        data = _data(m // ranks.ranks, ranks.rank)
        told[name] = timed(ranks, lambda steps, d=data, m=m: ranks.descend(MODEL, params, d, m, 1e-3, steps))  # type: ignore[misc]
    told["all_reduce"] = {}
    for length in LENGTHS:
        values = np.ones(length)
        told["all_reduce"][length] = timed(ranks, lambda times, v=values: [ranks.reduce(v) for _ in range(times)])  # type: ignore[misc]
    if ranks.rank == 0:
        print(json.dumps(told), flush=True)
    ranks.close()


def _data(m: int, rank: int) -> dict[str, Any]:
    rng = np.random.default_rng(rank)
    return {"X": rng.standard_normal((N, m)), "y": rng.standard_normal((1, m))}


def timed(ranks: Any, call: Callable[[int], Any]) -> float:
    """Seconds of one of what `call` makes several of: the median, on the slowest rank; what a call itself costs apart,
    by the difference of two lengths."""
    call(2)
    start = time.perf_counter()
    call(2)
    once = float(ranks.reduce(np.array([(time.perf_counter() - start) / 2]))[0]) / ranks.ranks
    times = max(2, round(LEAST / once))
    found = []
    for _ in range(REPEATS):
        seconds = []
        for count in (times, 2 * times):
            ranks.reduce(np.zeros(1))
            start = time.perf_counter()
            call(count)
            seconds.append(time.perf_counter() - start)
        found.append((seconds[1] - seconds[0]) / times)
    own = np.zeros(ranks.ranks)
    own[ranks.rank] = statistics.median(found)
    return float(ranks.reduce(own).max())


def _environment() -> dict[str, Any]:
    return {"processor": processor(), "cores": cores(), "load": os.getloadavg()[0], "shape": {"n": N, "k": K}}


def _show(backend: str, told: Mapping[str, Any]) -> None:
    one, model = told["runs"][0], told["model"]
    print(f"{backend}: {', '.join(f'{name} {value:.3g}' for name, value in model.items())}")
    for run in told["runs"]:
        R = run["ranks"]
        strong, weak = one["strong"] / run["strong"] / R, one["weak"] / run["weak"]
        guess = predicted(model, R, EXAMPLES, parameters())
        crowded = f", more than the {run['cores']} cores" if run["oversubscribed"] else ""
        print(
            f"  ranks {R}: strong {1e3 * run['strong']:.2f} ms ({strong:.0%}; model {1e3 * guess:.2f} ms), "
            f"weak {1e3 * run['weak']:.2f} ms ({weak:.0%}){crowded}"
        )


if __name__ == "__main__":
    sys.exit(main())
