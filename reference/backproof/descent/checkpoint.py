"""A descent's state on disk, in the safetensors format: written whole or not at all, its checksum verified when it is
taken up, and only for the descent that it is of."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from backproof.core.errors import InputError
from backproof.core.files import write
from backproof.descent.data import digest
from backproof.descent.problem import Point, Problem

FORMAT = "backproof descent 1"
MOST_KEPT = 300  # parameters, beyond which no bound on rounding looks at those of the points of the path


@dataclass(frozen=True)
class Checkpoint:
    """The file, and after how many steps (and at the end) it is written anew."""

    file: str
    every: int

    def check(self) -> None:
        """InputError where safetensors is missing or `file` is no place to keep a state; asked before long work."""
        if self.file == "-" or (Path(self.file).exists() and not Path(self.file).is_file()):
            raise InputError(f"--checkpoint is {self.file}, and nothing is kept there; give the name of a file")
        try:
            import safetensors.numpy  # noqa: F401
        except ModuleNotFoundError:
            raise InputError("a checkpoint needs safetensors; install 'backproof[scale]'") from None

    def save(self, problem: Problem, backend: str, path: Sequence[Point], step: int, params: Mapping[str, Any]) -> None:
        """Write the state after `step` steps."""
        from safetensors.numpy import save

        tensors = {f"params.{name}": np.asarray(value) for name, value in params.items()}
        tensors["path.step"] = np.array([point.step for point in path])
        tensors["path.loss"] = np.array([point.loss for point in path])
        if keeps_path(params):
            tensors |= {f"path.{name}": np.stack([np.asarray(p.params[name]) for p in path]) for name in params}
        metadata = _identity(problem, backend) | {"step": str(step)}
        metadata["sha256"] = _checksum(tensors, metadata)
        write(self.file, save(tensors, metadata))

    def load(self, problem: Problem, backend: str) -> tuple[list[Point], int, dict[str, Any]] | None:
        """The state of this descent: the path, the step and the parameters; None where there is no file yet.

        Raises InputError for a file that cannot be read, is damaged, or is of another descent.
        """
        if not Path(self.file).exists():
            return None
        metadata, tensors = self._read()
        for key, value in _identity(problem, backend).items():
            if metadata.get(key) != value:
                raise InputError(
                    f"{self.file} is of another descent: {key} {metadata.get(key)}, not {value}; "
                    "name another file, or remove it"
                )
        if metadata.get("sha256") != _checksum(tensors, metadata):
            raise InputError(f"{self.file} is damaged: its checksum is not that of its contents; remove it")
        step = _step(metadata, tensors, problem.start)
        if step is None:
            raise InputError(f"{self.file} holds no state of this descent, though its checksum fits; remove it")
        params = {name: tensors[f"params.{name}"] for name in problem.model.params}
        seen = zip(tensors["path.step"].tolist(), tensors["path.loss"].tolist(), strict=True)
        path = [
            Point(at, loss, {n: tensors[f"path.{n}"][i] for n in params} if keeps_path(params) else {})
            for i, (at, loss) in enumerate(seen)
        ]
        path[0] = Point(0, path[0].loss, problem.start)
        if path[-1].step == step:
            path[-1] = Point(step, path[-1].loss, params)
        return path, step, params

    def _read(self) -> tuple[dict[str, str], dict[str, Any]]:
        from safetensors import SafetensorError, safe_open

        try:
            open(self.file, "rb").close()  # safetensors says of every file it may not read that there is none
            with safe_open(self.file, "numpy") as file:
                return file.metadata() or {}, {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        except OSError as error:
            raise InputError(f"{self.file} cannot be read: {error.strerror or error}") from None
        except MemoryError:
            raise InputError(f"{self.file} cannot be read: it is larger than the memory; remove it") from None
        except (SafetensorError, ValueError, AttributeError):  # AttributeError: of a dtype that NumPy has not
            raise InputError(f"{self.file} is no safetensors file, or was cut short; remove it") from None


def keeps_path(params: Mapping[str, Any]) -> bool:
    """Whether a checkpoint keeps the parameters of the path's points, not only their losses."""
    return sum(np.size(value) for value in params.values()) <= MOST_KEPT


def _step(metadata: Mapping[str, str], tensors: Mapping[str, Any], start: Mapping[str, Any]) -> int | None:
    """The step of a state; None where names, dtypes, shapes or values are none that `save` writes."""
    points, told = np.shape(tensors.get("path.step", 0.0)), metadata.get("step", "")
    forms = {"path.step": ("int64", points), "path.loss": ("float64", points)}
    for name, value in start.items():
        forms[f"params.{name}"] = ("float64", np.shape(value))
        if keeps_path(start):
            forms[f"path.{name}"] = ("float64", (*points, *np.shape(value)))
    if {name: (tensor.dtype.name, tensor.shape) for name, tensor in tensors.items()} != forms:
        return None
    if len(points) != 1 or not (told.isdecimal() and len(told) < 20):  # more digits than any number of steps has
        return None
    steps = tensors["path.step"].tolist()
    ordered = steps[:1] == [0] and steps == sorted(set(steps)) and steps[-1] <= int(told)
    return int(told) if ordered and all(np.isfinite(tensor).all() for tensor in tensors.values()) else None


def _identity(problem: Problem, backend: str) -> dict[str, str]:
    """What two descents have in common of which one continues the other."""
    return {
        "format": FORMAT,
        "model": problem.model.name,
        "backend": backend,
        "data": problem.fingerprint,
        "learning_rate": float(problem.learning_rate).hex(),
        "start": digest(problem.start),
    }


def _checksum(tensors: Mapping[str, Any], metadata: Mapping[str, str]) -> str:
    told = "".join(f"{key}={metadata[key]} " for key in sorted(metadata) if key != "sha256")
    return hashlib.sha256(f"{digest(tensors)} {told}".encode()).hexdigest()
