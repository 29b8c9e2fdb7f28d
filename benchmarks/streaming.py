"""Descent on data larger than caches, and than memory: its own memory stays, at a share of the rate of the page cache.

    python -m benchmarks.streaming --size 1 --size 8 --json benchmarks/results/streaming.json

Every size is written to a file, read by a process of its own that descends on it, measured, and removed.
"""

import argparse
import json
import os
import shutil
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from backproof.console.ending import ended
from backproof.console.parser import Parser, positive
from backproof.core.errors import InputError
from backproof.core.files import check_writable, write_json
from backproof.descent.parameters import draw
from backproof.descent.ranks.session import Member, joinable, joined, own
from backproof.descent.streaming import passes
from backproof.descent.streaming.sources import Source, open_source
from backproof.isolation.death import death
from backproof.isolation.process import Process
from backproof.models import MODELS, Model
from backproof_numpy.tiles import cores

FEATURES, HIDDEN = 8, 8
ROUNDS = 3  # of timed calls, the median of which counts
CHUNK = 2**22  # bytes read at once where the page cache is measured
WRITTEN = 2**20  # values written at once
LEAST = 1e-3  # GB


def main(argv: Sequence[str] | None = None) -> int:
    """Exit code: 0, or 2 where the input or the environment is at fault."""
    parser = Parser(prog="python -m benchmarks.streaming", description=__doc__.split("\n")[0], allow_abbrev=False)
    parser.add_argument("--size", type=float, action="append", metavar="GB", help="of data (default: 1, 2, 4 and 8)")
    parser.add_argument("--folder", metavar="FOLDER", default=tempfile.gettempdir(), help="where the data is written")
    parser.add_argument("--steps", type=positive, default=5, help="steps of a timed call (default: 5)")
    parser.add_argument("--model", default="multivariate", choices=["multivariate", "two_layer_nonlinear"])
    backend = "numba" if find_spec("numba") else "numpy"
    parser.add_argument("--backend", default=backend, help=f"what descends, alone (default: {backend})")
    parser.add_argument("--json", metavar="FILE", help="write the result there")
    parser.add_argument("--watch", metavar="FILE", help="descend on this file alone, and print what was seen as JSON")

    def run() -> int:
        arguments = parser.parse_args(argv)
        if arguments.watch is not None:
            print(json.dumps(watched(arguments.watch, arguments.model, arguments.steps, arguments.backend)))
        else:
            _compare(arguments)
        return 0

    return ended("benchmarks.streaming", run)


def _compare(arguments: argparse.Namespace) -> None:
    check_writable(arguments.json)
    if not arguments.folder:
        raise InputError("--folder is empty; name a folder")
    check_writable(str(Path(arguments.folder, "data.npy")))
    for size in arguments.size or ():
        if not LEAST <= size < float("inf"):
            raise InputError(f"--size is {size}; it must be a number of GB, {LEAST:g} or more")
    joinable(arguments.backend)
    results = []
    for size in arguments.size or [1, 2, 4, 8]:
        with _file(arguments.folder, int(size * 1e9)) as file:
            line = [sys.executable, "-m", "benchmarks.streaming", "--watch", file, "--model", arguments.model]
            found = _alone([*line, "--steps", str(arguments.steps), "--backend", arguments.backend], f"{size:g} GB")
        results.append(found)
        rates = {name: found[f"{name}_bytes_per_s"] / 1e9 for name in ("disk", "cold_step", "cache", "step")}
        print(
            f"{found['bytes'] / 1e9:5.2f} GB: {found['anonymous_bytes'] / 2**20:4.0f} MiB of its own; "
            f"from the disk {rates['cold_step']:.2f} of {rates['disk']:.2f} GB/s, "
            f"from the page cache {rates['step']:.2f} of {rates['cache']:.2f} GB/s",
            flush=True,
        )
    if arguments.json:
        environment = {"threads": cores(), "numpy": np.__version__, "load": os.getloadavg()[0]}
        write_json(arguments.json, {"environment": environment, "results": results})


def _alone(line: Sequence[str], what: str) -> dict[str, Any]:
    """What a command prints as JSON, run in a process of its own. InputError where it fails."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        process = Process(line, stdout=out, stderr=err)
        try:
            while (code := process.wait(60.0)) is None:  # as long as the disk takes
                pass
        finally:
            process.close()
        out.seek(0)
        err.seek(0)
        if code:
            raise InputError(f"{what}: {err.read().decode(errors='replace').strip()[-300:] or death(code)}")
        found: dict[str, Any] = json.loads(out.read())
    return found


@contextmanager
def _file(folder: str, size: int) -> Iterator[str]:
    """An .npy of FEATURES + 1 rows, of some `size` bytes, removed in the end. InputError where the disk has no room."""
    if shutil.disk_usage(folder).free < 1.1 * size:
        raise InputError(f"{folder} has no {size / 1e9:.1f} GB left; name another --folder, or smaller sizes")
    m, rng = size // (8 * (FEATURES + 1)), np.random.default_rng(0)
    with tempfile.NamedTemporaryFile(suffix=".npy", dir=folder) as file:
        header = {"descr": "<f8", "fortran_order": False, "shape": (FEATURES + 1, m)}
        np.lib.format.write_array_header_2_0(file, header)
        for _ in range(FEATURES + 1):
            for start in range(0, m, WRITTEN):
                file.write(rng.random(min(WRITTEN, m - start)).data)
        file.flush()
        yield file.name


def watched(file: str, model: str, steps: int, backend: str) -> dict[str, Any]:
    """Descend on `file` in this process: peak RssAnon, and bytes a second of a step, beside those of reading alone:
    from the disk (a first step, before anything else has read the file), and from the page cache."""
    with joined(backend, "cpu", 60) as member:
        return _watched(member, file, model, steps)


def _watched(member: Member, file: str, model: str, steps: int) -> dict[str, Any]:
    source = open_source(file)
    size, disk, seconds = os.path.getsize(file), max(disk_rate(file), disk_rate(file)), []
    with anonymous() as peak:
        cold = cold_step(member, source, MODELS[model], file)
        cached = [read_rate(file)]
        problem, _ = passes.prepare(member, source, MODELS[model], None, HIDDEN, 0)
        member.place(problem.model, own(problem.inputs, 0, 1), problem.dims["m"])
        params = dict(problem.start)
        for _ in range(ROUNDS):
            start = time.perf_counter()
            params = member.advance(params, problem.learning_rate, steps)
            seconds.append((time.perf_counter() - start) / steps)
            cached.append(read_rate(file))  # between the steps: of the same minute, the fastest of which counts
    return {
        "backend": member.name, "model": model, "bytes": size,
        "examples": problem.dims["m"], "anonymous_bytes": peak[0],
        "disk_bytes_per_s": disk, "cold_step_bytes_per_s": size / cold,
        "cache_bytes_per_s": max(cached), "step_bytes_per_s": size / statistics.median(seconds),
        "step_seconds": seconds,
    }  # fmt: skip


def read_rate(file: str) -> float:
    """Bytes a second at which `read` brings the file into a buffer that is used again and again, a thread a core."""
    size, threads = os.path.getsize(file), cores()

    def read(part: int) -> None:
        buffer = memoryview(bytearray(CHUNK))
        with open(file, "rb", buffering=0) as handle:
            handle.seek(size * part // threads)
            while handle.tell() < size * (part + 1) // threads and handle.readinto(buffer):
                pass

    start = time.perf_counter()
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(read, range(threads)))
    return size / (time.perf_counter() - start)


def disk_rate(file: str) -> float:
    """The same, where nothing of the file is in the page cache."""
    evict(file)
    return read_rate(file)


def evict(file: str) -> None:
    """Take a file that nobody has mapped out of the page cache."""
    handle = os.open(file, os.O_RDONLY)
    try:
        os.fsync(handle)
        os.posix_fadvise(handle, 0, 0, os.POSIX_FADV_DONTNEED)
    finally:
        os.close(handle)


def cold_step(member: Member, source: Source, model: Model, file: str) -> float:
    """Seconds of a step, the first that reads the file; uniform numbers are standardised by what is known of them."""
    X, y = (
        columns.scaled(*np.full((2, columns.shape[0], 1), [[[0.5]], [[12**-0.5]]])) for columns in (source.X, source.y)
    )
    m = X.shape[1]
    start = draw(model, {"n": X.shape[0], "m": m, "k": HIDDEN}, np.random.default_rng(0))
    few = {"X": X.between(0, 64), "y": y.between(0, 64)}
    member.place(model, few, 64)
    member.advance(start, 0.1, 1)  # compiles, where an engine does
    member.place(model, {"X": X, "y": y}, m)
    evict(file)
    begun = time.perf_counter()
    member.advance(start, 0.1, 1)
    return time.perf_counter() - begun


@contextmanager
def anonymous() -> Iterator[list[int]]:
    """The peak, in its only element, of this process's anonymous memory in bytes: mapped files are not ours."""
    peak, over = [0], threading.Event()

    def look() -> None:
        while True:
            text = Path("/proc/self/status").read_text(encoding="ascii")
            peak[0] = max(peak[0], 1024 * int(text.partition("RssAnon:")[2].split()[0]))
            if over.wait(0.01):
                return

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield peak
    finally:
        over.set()
        thread.join()


if __name__ == "__main__":
    sys.exit(main())
