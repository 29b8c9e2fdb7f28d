"""What is special on a GPU: the sizes, the ceilings, the clock, and what the driver says of the card's own clocks."""

import csv
import io
import subprocess
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from backproof.core.errors import InputError

# Beyond the caches (tens of megabytes), the goals' two networks, and sizes where launches are all.
SIZES = {
    "univariate": [dict(m=m) for m in (10**4, 2**25, 2**28)],
    "multivariate": [dict(n=n, m=m) for n, m in ((8, 64), (8, 2**24), (256, 2**20), (1024, 2**18))],
    "two_layer_linear": [dict(n=64, m=16384, k=128)],
    "two_layer_nonlinear": [
        dict(n=n, m=m, k=k)
        for n, m, k in ((4, 32, 8), (16, 1024, 32), (64, 2**20, 64), (128, 2**19, 128), (1024, 16384, 1024),
                        (4096, 16384, 4096))
    ],
}  # fmt: skip
SIDE = 8192  # of the square products
STREAM = 2**31  # bytes copied, and read
SLOWER = {  # bits of the driver's clocks_event_reasons.active that mean: slower than it could be
    0x4: "power cap", 0x8: "hardware slowdown", 0x20: "software thermal slowdown", 0x40: "hardware thermal slowdown",
    0x80: "power brake",
}  # fmt: skip
QUERY = {
    "name": "name", "driver": "driver_version", "sm_mhz": "clocks.sm", "memory_mhz": "clocks.mem",
    "most_sm_mhz": "clocks.max.sm", "celsius": "temperature.gpu", "watts": "power.draw",
    "reasons": "clocks_event_reasons.active",
}  # fmt: skip

Run = Callable[..., Any]


def needed(workers: Mapping[str, Any]) -> None:
    """InputError where no backend finds a GPU."""
    if not any("cuda" in worker.description.devices for worker in workers.values()):
        raise InputError(f"no cuda device: none of {', '.join(workers)} finds one here; try --device cpu")


def clocks(run: Run = subprocess.run) -> dict[str, Any]:
    """What nvidia-smi says of the first card now: clocks, temperature, power, and why it is slower than it could be
    (`throttled`, a list). Where it is absent or answers otherwise, that alone (`absent`)."""
    command = ["nvidia-smi", f"--query-gpu={','.join(QUERY.values())}", "--format=csv,noheader,nounits"]
    try:
        told = run(command, capture_output=True, text=True, timeout=20, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        return {"absent": f"nvidia-smi cannot be run: {error}"}
    if told.returncode:
        return {"absent": f"nvidia-smi: {' '.join((told.stderr or told.stdout).split())[:200]}"}
    return parsed(told.stdout)


def parsed(answer: str) -> dict[str, Any]:
    """The first line of nvidia-smi's table; numbers as numbers, and None where the card does not say."""
    fields = next(csv.reader(io.StringIO(answer), skipinitialspace=True), [])
    if len(fields) != len(QUERY):
        return {"absent": f"nvidia-smi answers {answer.strip()[:200]!r}"}
    found: dict[str, Any] = dict(zip(QUERY, fields, strict=True))
    for name in ("sm_mhz", "memory_mhz", "most_sm_mhz", "celsius", "watts"):
        try:
            found[name] = float(found[name])
        except ValueError:
            found[name] = None  # "[N/A]"
    reasons = found.pop("reasons")
    try:
        bits = int(reasons, 16)
    except ValueError:
        return found | {"throttled": None}
    return found | {"throttled": [name for bit, name in SLOWER.items() if bits & bit]}


def throttled(looks: list[dict[str, Any]]) -> list[str]:
    """A line for every cell in whose time the card was slowed, or did not say."""
    lines = []
    for look in looks:
        for when in ("before", "after"):
            told = look[when]
            if reasons := told.get("throttled"):
                lines.append(f"throttled {when} {look['cell']}: {', '.join(reasons)}")
            elif told.get("throttled") is None:
                lines.append(f"clocks unknown {when} {look['cell']}: {told.get('absent', 'the card does not say')}")
    return lines


def by_events(call: Callable[[], Any], event: Callable[[], Any], synchronize: Callable[[], None]) -> tuple[float, Any]:
    """Seconds between two events of the device around `call`, waited for once, and what it returned."""
    start, end = event(), event()
    start.record()
    returned = call()
    end.record()
    synchronize()
    return start.elapsed_time(end) / 1e3, returned


def timer(backend: str) -> Callable[[Callable[[], Any]], tuple[float, Any]] | None:
    """How a backend's calls are timed on a GPU, None for the host's clock: JAX has no events to offer, and of calls of
    10 ms or more that end in a synchronisation the host's clock is off by its latency alone, microseconds."""
    if backend != "torch":
        return None
    import torch

    return lambda call: by_events(call, lambda: torch.cuda.Event(enable_timing=True), torch.cuda.synchronize)


def ceilings(library: str, precision: str) -> dict[str, Callable[[], float]]:
    """By name, what measures one ceiling once: gemm_flops_per_s (of "tf32" too) and read_bytes_per_s, the better of
    reading and of copying; empty for a library that is not asked. Exponentials are none: they need not wait for the
    products, nor these for them."""
    return _ceilings(precision) if library == "torch" else {}


@cache
def _ceilings(precision: str) -> dict[str, Callable[[], float]]:
    import torch

    measured = timer("torch")
    assert measured is not None
    kind = torch.float32 if precision == "tf32" else getattr(torch, precision)
    left, right, product = (torch.ones(SIDE, SIDE, dtype=kind, device="cuda") for _ in range(3))
    source = torch.ones(STREAM // left.element_size(), dtype=kind, device="cuda")
    target = torch.empty_like(source)

    def gemm() -> float:
        before = torch.get_float32_matmul_precision()
        torch.set_float32_matmul_precision("high" if precision == "tf32" else "highest")
        try:
            return 2.0 * SIDE**3 / measured(lambda: torch.matmul(left, right, out=product))[0]
        finally:
            torch.set_float32_matmul_precision(before)

    def read() -> float:
        return max(STREAM / measured(source.sum)[0], 2 * STREAM / measured(lambda: target.copy_(source))[0])

    found = {"gemm_flops_per_s": gemm, "read_bytes_per_s": read}
    for look in found.values():
        look()  # what is slow once
    return found
