"""What times depend on: versions, threads, the processor, the load."""

import os
import platform
import time
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

from benchmarks.worker import Worker


def environment(threads: int, load: float | None, workers: Mapping[str, Worker]) -> dict[str, Any]:
    """What times depend on; `load` is that of the system before the first of ours."""
    return {
        "backproof": version("backproof"),
        "python": platform.python_version(),
        "platform": platform.platform(),
        "processor": processor(),
        "threads": threads,
        "affinity": sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else None,
        "load_at_start": load,
        "utc": time.strftime("%Y-%m-%dT%H:%MZ", time.gmtime()),
        "backends": {
            name: {"version": worker.description.version, "settings": worker.description.settings}
            for name, worker in workers.items()
        },
    }


def processor() -> str:
    """The processor's name with its family and model, as the system tells it."""
    told: dict[str, str] = {}
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            key, _, value = line.partition(":")
            told.setdefault(key.strip(), value.strip())
    except OSError:
        return platform.processor() or platform.machine()
    name, family, model = (told.get(key, "") for key in ("model name", "cpu family", "model"))
    return f"{name or platform.machine()} family {family} model {model}"
