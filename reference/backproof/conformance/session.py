"""One conformance run from what a person asked for: backends started, cells planned, loud where nothing would run."""

import os
import platform
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from importlib.metadata import version
from typing import Any

from backproof.conformance.cells import SETS, Cell, file_problems, plan, problems
from backproof.conformance.offers import NotOffered, not_offered
from backproof.conformance.user_model import UserModel
from backproof.core import digests
from backproof.core.errors import InputError
from backproof.evidence.watch import judge
from backproof.hosting.registry import MUTANTS, Description, registered
from backproof.hosting.series import DEVICES
from backproof.hosting.worker import Worker
from backproof.models import MODELS
from backproof.models.user_file import is_file, model_name
from backproof.rounding.formats import FORMATS


@dataclass(frozen=True)
class Session:
    """Started workers by backend name, what each backend is, and the cells to run."""

    workers: dict[str, Worker]
    backends: list[Description]
    missing: dict[str, str]  # registered backends that do not import here, with the reason
    cells: list[Cell]
    seed: int
    asked: dict[str, Any] = field(default_factory=dict)  # the choices that planned them; [] chooses all
    files: list[UserModel] = field(default_factory=list)
    not_offered: list[NotOffered] = field(default_factory=list)
    code: str = field(default_factory=digests.own)  # backproof's own, as it was at the start

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
        """Start the backends (by default every one that imports) and plan the cells; a model may be a FILE.py.

        Raises InputError for a backend asked for that is unknown, missing or broken, for a dtype or
        device that none of them has, for unknown names, for a file at fault, and where no cell is left.
        """
        built_in, paths = [m for m in models if not is_file(m)], [m for m in models if is_file(m)]
        _known("model", built_in, MODELS, " (or a derivation's FILE.py)")
        _known("dtype", dtypes, FORMATS)
        _known("set of cells", [cells], SETS)
        _known("device", [device], [*DEVICES, "all"])
        files = _open(paths, seed)
        workers, described, missing = start(backends)
        try:
            if device != "all" and not any(device in backend.devices for backend in described):
                raise InputError(f"no {device} device: none of {_names(described)} finds one here; try --device cpu")
            asked = problems(built_in if models else list(MODELS), dtypes, cells, seed)
            asked += [problem for file in files for problem in file_problems(file, dtypes, cells, seed)]
            devices = DEVICES if device == "all" else [device]
            planned = plan(asked, described, devices, cells)
            gaps = not_offered(
                list(dict.fromkeys(problem.model for problem in asked)),
                [file.model.name for file in files],
                list(dict.fromkeys(problem.dtype for problem in asked)),
                devices,
                [backend for backend in described if backend.name != MUTANTS],
            )
            if not planned:
                told = ", ".join(dtypes or models)
                raise InputError(f"no cells: none of {_names(described)} offers {told}")
        except InputError:
            for worker in workers.values():
                worker.close()
            raise
        chosen = {
            "backend": [] if "all" in backends or not backends else [backend.name for backend in described],
            "model": [*built_in, *(file.model.name for file in files)],
            "dtype": list(dtypes),
            "device": [] if device == "all" else [device],
        }
        return cls(workers, described, missing, planned, seed, {**chosen, "cells": cells}, files, gaps)

    def manifests(self) -> dict[str, Any]:
        """What this process, which judges, and the backends' read so far: see `backproof.evidence`."""
        judges = judge()
        if digests.own() != self.code:
            judges.unknown.append("backproof changed during the run")
        return {
            "judge": judges.as_json(),
            "backends": {name: worker.manifest.as_json() for name, worker in self.workers.items()},
        }

    def reads(self) -> set[str]:
        """The files that the backends' processes read so far."""
        return {path for worker in self.workers.values() for path in worker.manifest.files}

    def close(self) -> None:
        """End the backends' processes."""
        for worker in self.workers.values():
            worker.close()

    def environment(self) -> dict[str, Any]:
        """What the verdicts depend on, for the report."""
        return {
            "backproof": version("backproof"),
            "code": self.code,
            "python": platform.python_version(),
            "platform": platform.platform(),
            "processor": platform.machine(),
            "numpy": version("numpy"),
            "python-flint": version("python-flint"),
            "seed": self.seed,
            "asked": self.asked,
            "backends": {
                backend.name: backend.as_json() | {"code": self.workers[backend.name].manifest.digest()}
                for backend in self.backends
            },
            "missing": self.missing,
            "models": {
                file.model.name: {"path": file.path, "code": file.code, "outcome": file.outcome} for file in self.files
            },
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
                description = replace(future.result(), code=workers[spec].manifest.digest())
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


def _open(paths: Sequence[str], seed: int) -> list[UserModel]:
    paths = list({os.path.realpath(path): path for path in paths}.values())
    names: dict[str, str] = {}
    for path in paths:
        twin = names.setdefault(model_name(path), path)
        if twin != path:
            raise InputError(f"{path} and {twin} are both named {model_name(path)}; rename one")
    return [UserModel.open(path, seed) for path in paths]


def _known(kind: str, given: Sequence[str], offered: Any, more: str = "") -> None:
    for name in given:
        if name not in offered:
            raise InputError(f"there is no {kind} {name}; there are {', '.join(offered)}{more}")


def _names(backends: Sequence[Description]) -> str:
    return ", ".join(backend.name for backend in backends)
