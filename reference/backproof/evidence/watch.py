"""What a backend's process reads, looked at after each of its answers: what is new since the last look."""

import os
import sys
from collections.abc import Iterator
from contextlib import suppress
from importlib.machinery import BuiltinImporter, FrozenImporter
from pathlib import Path
from typing import Any

from backproof.evidence import modules
from backproof.evidence.callers import Caller
from backproof.evidence.events import Events, absolute
from backproof.evidence.fingerprint import ABSENT, fingerprint, installed, site
from backproof.evidence.machine import libraries, machine
from backproof.evidence.manifest import Manifest, locate, secret
from backproof.evidence.mapped import Mapped
from backproof.evidence.questions import Questions

SETTINGS = (  # variables that native code reads, by how their names begin
    "ACCELERATE_", "ATEN_", "BACKPROOF", "BLAS_", "BLIS_", "CUBLAS", "CUDA", "CUDNN", "CUPY_", "DNNL_", "DYLD_",
    "FLINT_", "GOMP_", "GOTO_", "HIP_", "HSA_", "JAX", "KMP_", "LAPACK", "LD_", "LIBTPU", "MIOPEN", "MKL_", "MLX_",
    "NCCL_", "NPY_", "NUMBA_", "NUMEXPR_", "NUMPY_", "NVIDIA_", "OMP_", "ONEDNN", "OPENBLAS", "PYTHONHASHSEED",
    "PYTHONOPTIMIZE", "PYTORCH", "ROC", "TF_", "TORCH", "TPU_", "TRITON", "VECLIB_", "XLA",
)  # fmt: skip
VIRTUAL = ("/proc/", "/sys/", "/dev/", str(Path(__file__).parents[1]) + os.sep)  # backproof's own code has a digest
JUDGES = ("numpy", "flint", "python_flint")  # folders of site-packages
METADATA = ".dist-info" + os.sep  # read to find backends


def judge() -> Manifest:
    """Of this process, which judges and is not watched: the machine, and what computes truth and bounds."""
    mapped = Mapped()
    mapped.gone()
    files = [getattr(module, "__dict__", {}).get("__file__") for module in list(sys.modules.values())]
    paths = {absolute(file) for file in files if isinstance(file, str)} | set(mapped.files())
    ours = sorted(path for path in paths if (found := site(path)) and found[1].startswith(JUDGES))
    settings = {name: secret(value) for name, value in os.environ.items() if name.startswith(SETTINGS)}
    return Manifest({path: fingerprint(path) for path in ours}, facts=machine(), variables=settings)


class Watch:
    """Of this process, whose backend is in `module`."""

    def __init__(self, module: str) -> None:
        self._module = module
        caller = Caller(module.partition(".")[0])
        self._events, self._questions = Events(caller), Questions(caller)
        self._mapped = Mapped()
        self._first = True
        self._files: set[str] = set()  # looked at
        self._searched: set[str] = set()
        self._counts: dict[str, int] = {}  # of what was seen at the last look

    def start(self) -> None:
        """From now on, as long as the process runs."""
        self._events.record()
        self._questions.record()

    def look(self) -> Manifest | None:
        """What is new; None where nothing is. Does not raise: what fails here is unknown."""
        try:
            return self._look()
        except Exception as error:
            return Manifest(unknown=[f"what it read could not be recorded ({type(error).__name__}: {error})"])

    def _look(self) -> Manifest | None:
        new = Manifest()
        self._files -= self._events.dirty & self._events.read.keys()
        again = [(name, self._events.read[name]) for name in self._events.dirty & self._events.read.keys()]
        self._events.dirty.clear()
        for path, opened in [*again, *self._read(), *self._imported()]:
            for each in modules.sources(path):
                self._note(new, each, opened)
        gone = [name for name in self._mapped.gone() if name not in self._events.written]
        for path in self._mapped.files():
            self._note(new, path, None)
        self._search(new)
        new.unknown += [f"{name} was replaced while it was in use" for name in map(_base, gone)]
        new.unknown += [why for path in new.files if (why := modules.stale(path))]
        new.unknown += self._latest("unknown", list(self._events.unknown))
        if self._latest("everything", [None] * self._questions.everything):
            new.unknown.append("it reads the whole environment")
        values = self._questions.values(SETTINGS)
        if self._latest("variables", list(values)):
            new.variables = {name: secret(value) for name, value in values.items()}
        if self._first:
            self._first, new.facts, new.path = False, machine() | libraries(), _search_path()
            new.package = modules.package(self._module)
        if new == Manifest():
            return None
        new.path_at_end = _search_path()
        return new

    def _latest(self, kind: str, seen: list[Any]) -> list[Any]:
        """Those of a list that only ever grows that the last look had not."""
        start, self._counts[kind] = self._counts.get(kind, 0), len(seen)
        return seen[start:]

    def _read(self) -> Iterator[tuple[str, int | None]]:
        yield from self._latest("read", list(self._events.read.items()))
        yield from ((path, None) for path in self._latest("asked", list(self._questions.files)))
        yield from ((path, None) for path in self._latest("listed", list(self._events.listed)))

    def _imported(self) -> Iterator[tuple[str, int | None]]:
        if self._counts.get("modules") != len(sys.modules):
            self._counts["modules"] = len(sys.modules)
            for module in list(sys.modules.values()):
                file = getattr(module, "__dict__", {}).get("__file__")
                if isinstance(file, str):
                    yield absolute(file), None

    def _note(self, new: Manifest, path: str, opened: int | None) -> None:
        if path in self._files or path.startswith(VIRTUAL) or METADATA in path:
            return
        if opened is not None and os.path.isdir(path):  # for a descriptor: what lists a folder has an event of its own
            return
        self._files.add(path)
        told = fingerprint(path)
        if path in self._events.written:
            new.rewritten.append(path)
        elif opened is not None and told != ABSENT:
            with suppress(OSError):
                if Path(path).stat().st_ctime_ns > opened:
                    new.unknown.append(f"{_base(path)} changed during the run")
        new.files[path] = told

    def _search(self, new: Manifest) -> None:
        """Where modules are found, those too that were asked for in vain: one may be there the next time."""
        path = _search_path()
        for name in {*list(self._events.asked), *list(self._questions.modules), *list(sys.modules)} - self._searched:
            self._searched.add(name)
            top, dot, _ = name.partition(".")
            if name.startswith("__") or BuiltinImporter.find_spec(name) or FrozenImporter.find_spec(name):
                continue
            if dot and (top == "backproof" or top in sys.stdlib_module_names or _is_installed(sys.modules.get(name))):
                continue
            new.modules[name] = locate(name, path)


def _is_installed(module: Any) -> bool:
    file = getattr(module, "__dict__", {}).get("__file__")
    return isinstance(file, str) and installed(file) is not None


def _search_path() -> list[str]:
    """`sys.path`, from the root: the empty entry is the folder that one is in."""
    return [os.path.abspath(place) for place in sys.path]


def _base(path: str) -> str:
    return Path(path).name
