"""One conformance run from what a person asked for: backends started, cells planned, loud where nothing would run."""

import platform
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from importlib.metadata import version
from typing import Any

from backproof.conformance.cells import SETS, Cell, plan, problems
from backproof.conformance.registry import Description, registered
from backproof.conformance.worker import Worker
from backproof.errors import InputError
from backproof.models import MODELS
from backproof.truth.formats import FORMATS

DEVICES = ("cpu", "cuda")


@dataclass(frozen=True)
class Session:
    """Started workers by backend name, what each backend is, and the cells to run."""

    workers: dict[str, Worker]
    backends: list[Description]
    missing: dict[str, str]  # registered backends that do not import here, with the reason
    cells: list[Cell]
    seed: int

    @classmethod
    def open(
        cls,
        backends: Sequence[str] = (),
        models: Sequence[str] = (),
        dtypes: Sequence[str] = (),
        device: str = "cpu",
        cells: str = "default",
        seed: int = 0,
    ) -> "Session":
        """Start the backends (by default every one that imports) and plan the cells.

        Raises InputError for a backend asked for that is unknown, missing or broken, for a dtype or
        device that none of them has, for unknown names, and where no cell is left.
        """
        _known("model", models, MODELS)
        _known("dtype", dtypes, FORMATS)
        _known("set of cells", [cells], SETS)
        _known("device", [device], [*DEVICES, "all"])
        workers, described, missing = start(backends)
        try:
            if device != "all" and not any(device in backend.devices for backend in described):
                raise InputError(f"no {device} device: none of {_names(described)} finds one here; try --device cpu")
            planned = plan(
                problems(models or list(MODELS), dtypes, cells, seed),
                described,
                DEVICES if device == "all" else [device],
                cells,
            )
            if not planned:
                raise InputError(f"no cells: none of {_names(described)} offers {', '.join(dtypes)}")
        except InputError:
            for worker in workers.values():
                worker.close()
            raise
        return cls(workers, described, missing, planned, seed)

    def close(self) -> None:
        """End the backends' processes."""
        for worker in self.workers.values():
            worker.close()

    def environment(self) -> dict[str, Any]:
        """What the verdicts depend on, for the report."""
        return {
            "backproof": version("backproof"),
            "python": platform.python_version(),
            "platform": platform.platform(),
            "processor": platform.machine(),
            "numpy": version("numpy"),
            "python-flint": version("python-flint"),
            "seed": self.seed,
            "backends": {backend.name: asdict(backend) for backend in self.backends},
            "missing": self.missing,
        }


def start(backends: Sequence[str]) -> tuple[dict[str, Worker], list[Description], dict[str, str]]:
    """Start workers side by side: for `backends`, for "all" that is registered, or (if empty) for all that import.

    Returns workers and descriptions, and why registered backends are missing. Raises InputError for a
    backend that was asked for and is unknown, missing or broken, and for two of one name.
    """
    specs = list(dict.fromkeys(s for b in backends or ["all"] for s in (registered() if b == "all" else [b])))
    workers = {spec: Worker(spec) for spec in specs}
    with ThreadPoolExecutor(max(len(specs), 1)) as pool:
        started = {spec: pool.submit(worker.start) for spec, worker in workers.items()}
    described: dict[str, Description] = {}
    missing: dict[str, str] = {}
    try:
        for spec, future in started.items():
            try:
                description = future.result()
                if description.name in described:
                    twin = described[description.name].spec
                    raise InputError(f"{spec} and {twin} are both named {description.name}")
            except InputError as error:  # missing, broken, or of another's name
                if backends:
                    raise
                missing[spec] = str(error)
                continue
            described[description.name] = description
        if not described:
            raise InputError("no backend can be imported: " + ("; ".join(missing.values()) or "none is registered"))
    except InputError:
        for worker in workers.values():
            worker.close()
        raise
    return {d.name: workers[d.spec] for d in described.values()}, list(described.values()), missing


def _known(kind: str, given: Sequence[str], offered: Any) -> None:
    for name in given:
        if name not in offered:
            raise InputError(f"there is no {kind} {name}; there are {', '.join(offered)}")


def _names(backends: Sequence[Description]) -> str:
    return ", ".join(backend.name for backend in backends)
