"""What this machine can do: product rate, read bandwidth and exponentials, by NumPy's and PyTorch's own routines.

The best of both libraries counts, with the threads that the series have.
"""

import os
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any

import numpy as np

from benchmarks import cuda

REPEATS = 8
SIDE = 2048  # of the square products
STREAM = 2**28  # bytes read at once: far beyond the caches
BLOCK = 2**18  # bytes of exponentials at once: within them


NAMES = ("gemm_flops_per_s", "read_bytes_per_s", "exp_per_s")


def measure(
    library: str, dtype: str, device: str = "cpu", names: Sequence[str] = NAMES, repeats: int = REPEATS
) -> dict[str, float]:
    """The ceilings of these names by one library, the best of `repeats`; empty for a library that is not asked. On a
    GPU `dtype` may be "tf32", and exponentials are no ceiling."""
    if device == "cuda":
        looks = cuda.ceilings(library, dtype)
        return {name: max(look() for _ in range(repeats)) for name, look in looks.items() if name in names}
    if library not in ("numpy", "torch"):
        return {}
    calls = dict(zip(NAMES, _calls(library, dtype), strict=True))
    size = np.dtype(dtype).itemsize
    work = dict(zip(NAMES, (2.0 * SIDE**3, STREAM, 64.0 * threads() * BLOCK / size), strict=True))
    return {name: work[name] / _best(calls[name], repeats) for name in names}


@cache
def _calls(library: str, dtype: str) -> tuple[Callable[[], Any], Callable[[], Any], Callable[[], Any]]:
    """The routines on their arrays, each called once."""
    calls = _numpy(dtype) if library == "numpy" else _torch(dtype)
    for call in calls:
        call()
    return calls


def threads() -> int:
    """The threads a worker was given."""
    return int(os.environ.get("OMP_NUM_THREADS", "1"))


def _best(call: Callable[[], Any], repeats: int) -> float:
    seconds = []
    for _ in range(repeats):
        start = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - start)
    return min(seconds)


def _numpy(dtype: str) -> tuple[Callable[[], Any], Callable[[], Any], Callable[[], Any]]:
    from threadpoolctl import threadpool_limits

    size, count = np.dtype(dtype).itemsize, threads()
    pool = ThreadPoolExecutor(count)
    left, right, product = (np.ones((SIDE, SIDE), dtype) for _ in range(3))
    stream = np.ones(STREAM // size, dtype)
    blocks = [np.ones(BLOCK // size, dtype) for _ in range(count)]

    def gemm() -> None:
        np.matmul(left, right, out=product)

    def read() -> None:
        with threadpool_limits(1, user_api="blas"):
            list(pool.map(lambda part: part @ part, np.array_split(stream, count)))

    def exponentials(block: Any) -> None:
        out = np.empty_like(block)
        for _ in range(64):
            np.exp(block, out=out)

    return gemm, read, lambda: list(pool.map(exponentials, blocks))


def _torch(dtype: str) -> tuple[Callable[[], Any], Callable[[], Any], Callable[[], Any]]:
    import torch

    kind, size = getattr(torch, dtype), np.dtype(dtype).itemsize
    left, right, product = (torch.ones(SIDE, SIDE, dtype=kind) for _ in range(3))
    stream, block = torch.ones(STREAM // size, dtype=kind), torch.ones(threads() * BLOCK // size, dtype=kind)
    out = torch.empty_like(block)

    def exponentials() -> None:
        for _ in range(64):
            torch.exp(block, out=out)

    return lambda: torch.matmul(left, right, out=product), stream.sum, exponentials
