"""The machine and the libraries of this process, as facts by name."""

import hashlib
import os
import platform
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path


def machine() -> dict[str, str]:
    """Python, system and processor."""
    return {
        "Python": f"{platform.python_implementation()} {' '.join(sys.version.split())}",
        "Python's options": _options(),
        "the platform": platform.platform(),
        "the processor": processor(),
        "the graphics driver": _graphics(),
        "the number of processors": str(_cpus()),
    }


def libraries() -> dict[str, str]:
    """The threads and kernels of the libraries loaded so far, and the versions of distributions imported so far."""
    return {**_pools(), **_versions()}


def processor() -> str:
    """The processor's model and a digest of its instruction sets, as far as the system tells them."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").split("\n\n")[0].splitlines()
    except OSError:
        return f"{platform.machine()} {platform.processor()}"
    told = {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in lines)}
    flags = " ".join(sorted((told.get("flags") or told.get("Features") or "").split()))
    names = (told.get(key, "") for key in ("model name", "cpu family", "model", "stepping", "CPU part"))
    return f"{platform.machine()} {' '.join(filter(None, names))} {hashlib.sha256(flags.encode()).hexdigest()[:8]}"


def _options() -> str:
    flags = [
        f"{name}={getattr(sys.flags, name)}" for name in ("optimize", "dev_mode", "utf8_mode", "hash_randomization")
    ]
    return " ".join([*flags, *(f"-X {name}={value}" for name, value in sorted(sys._xoptions.items()))])


def _cpus() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 0


def _graphics() -> str:
    told = []
    for file in sorted(Path("/proc/driver/nvidia").glob("version")) + sorted(
        Path("/proc/driver/nvidia/gpus").glob("*/information")
    ):
        lines = file.read_text(encoding="utf-8", errors="replace").splitlines()
        told += [" ".join(line.split()) for line in lines if line.startswith(("NVRM", "Model"))]
    return "; ".join(told)


def _pools() -> dict[str, str]:
    from threadpoolctl import threadpool_info

    found: dict[str, str] = {}
    for pool in threadpool_info():
        told = f"{pool.get('version')}, {pool.get('architecture')}, {pool['num_threads']} threads"
        name = f"{pool['internal_api']} ({os.path.basename(pool['filepath'])})"
        found[name] = told
    return found


def _versions() -> dict[str, str]:
    found = {}
    for name in sorted({name.partition(".")[0] for name in list(sys.modules)}):
        if name not in sys.stdlib_module_names and name.isidentifier() and not name.startswith("_"):
            try:
                found[name] = version(name)
            except (PackageNotFoundError, ValueError, KeyError):  # no distribution of that name: its files tell
                continue
    return {name: told for name, told in found.items() if told}
