"""Finding backends: entry points of the group `backproof.backends`, or `module:attr`."""

import importlib
import inspect
import os
import re
import sys
from dataclasses import dataclass, fields
from importlib.metadata import EntryPoint, entry_points
from types import ModuleType
from typing import Any

from backproof.core.errors import InputError
from backproof.evidence.manifest import locate
from backproof.hosting.declared import declared_series
from backproof.hosting.protocol import Backend
from backproof.hosting.series import DEVICES, Series, names_of, plain, shown
from backproof.isolation.death import one_line
from backproof.rounding.formats import FORMATS

GROUP = "backproof.backends"
MUTANTS = "mutants"  # our own wrong backend
UNREGISTERED = {  # ours, which "all" leaves out
    MUTANTS: "backproof.mutants:backend",
    "torch-ranks": "backproof.descent.ranks.backend:TorchRanks",
    "jax-ranks": "backproof.descent.ranks.backend:JaxRanks",
}
RESERVED = {MUTANTS: "the wrong backend of ours that measures the suite", "all": "every registered backend"}
MEMBERS = (
    "name", "version", "devices", "dtypes", "series", "settings", "from_numpy", "to_numpy", "evaluate", "descend",
)  # fmt: skip


@dataclass(frozen=True)
class Description:
    """What a backend says of itself, without its framework."""

    spec: str
    name: str
    version: str
    devices: tuple[str, ...]
    dtypes: tuple[str, ...]
    series: tuple[Series, ...]
    settings: dict[str, str]
    code: str = ""  # the digest of what its process had read when it was described

    def offers(self, series: Series, model: str, dtype: str | None = None, derivation: bool = False) -> bool:
        """Whether a series takes a model, built in or anyone's derivation (and a dtype), on whatever device."""
        takes_model = series.derivations is not None if derivation else model in (series.models or (model,))
        return takes_model and (dtype is None or (dtype in self.dtypes and dtype in (series.dtypes or (dtype,))))

    def runs(self, series: Series, device: str) -> bool:
        """Whether a series runs on a device here."""
        return device in self.devices and device in (series.devices or (device,)) and series.unavailable is None

    def as_json(self) -> dict[str, Any]:
        """As documented: the series by name, and beside them the facts that a series states beyond its name."""
        stated = {one.name: {f.name: getattr(one, f.name) for f in fields(one)[1:]} for one in self.series}
        facts = {name: {field: value for field, value in of.items() if value} for name, of in stated.items()}
        return {
            **{field.name: getattr(self, field.name) for field in fields(self)},
            "series": [one.name for one in self.series],
            "facts": {name: of for name, of in facts.items() if of},
        }


def registered() -> dict[str, EntryPoint]:
    """Every registered backend's entry point, by name: the reference first, the others alphabetically."""
    points = sorted(entry_points(group=GROUP), key=lambda point: (point.name != "numpy", point.name))
    return {point.name: point for point in points}


def entry_point(spec: str) -> EntryPoint:
    """Where the backend `spec` is; nothing is imported. Raises InputError where it is unknown."""
    if "," in spec:
        raise InputError(f"there is no backend {spec}; --backend names one, and may be given again")
    if ":" in spec:
        if not re.fullmatch(r"[\w.]+:[\w.]+", spec) or spec.partition(":")[0].endswith(".py"):
            raise InputError(f"there is no backend {spec}; name it as module:attr, the module without .py or a path")
        return EntryPoint(spec, spec, GROUP)
    points = registered() | {name: EntryPoint(name, value, GROUP) for name, value in UNREGISTERED.items()}
    if spec not in points:
        known = ", ".join(points) or "none"
        raise InputError(f"there is no backend {spec}; registered are {known}; any other is named as module:attr")
    return points[spec]


def sources(spec: str) -> list[str]:
    """The files of the module that the backend `spec` is in, and of its packages; nothing is imported. Raises
    InputError where the backend is unknown."""
    names = entry_point(spec).module.split(".")
    path = [os.getcwd(), *sys.path] if ":" in spec else sys.path
    return [place for end in range(len(names)) for place in locate(".".join(names[: end + 1]), path) or ()]


def load(spec: str) -> Backend:
    """Import the backend `spec`, a registered name or `module:attr` (an instance, a class or a module).

    Raises InputError where it is unknown or broken, or something it imports is not installed.
    """
    point = entry_point(spec)
    if ":" in spec and os.getcwd() not in sys.path:
        sys.path.insert(0, os.getcwd())
    try:
        module = importlib.import_module(point.module)
    except ModuleNotFoundError as error:
        hint = "install it, or run where its file is"
        if spec in ("torch", "jax", "numba"):
            hint = f"pip install 'backproof[{spec}]'"
        raise InputError(f"backend {spec}: no module {error.name}; {hint}") from None
    except InputError as error:  # of a Series that it states
        raise InputError(f"backend {spec}: {error}") from None
    except Exception as error:
        raise InputError(f"backend {spec}: importing {point.module} fails: {one_line(error)}") from error
    try:
        found: Any = module
        for name in filter(None, point.attr.split(".") if point.attr else []):
            if not hasattr(found, name):
                raise InputError(f"there is no {name} in {point.module}; {_offered(module)}")
            found = getattr(found, name)
        found = found() if inspect.isclass(found) else found
    except InputError as error:
        raise InputError(f"backend {spec}: {error}") from None
    except Exception as error:
        raise InputError(f"backend {spec}: {point.value} cannot be made: {one_line(error)}") from error
    if inspect.isfunction(found):
        raise InputError(f"backend {spec}: {point.value} is a function; name an instance, a class or a module")
    # A property is not asked for its value: that may start a framework before it is told its place among ranks.
    lacking = [member for member in MEMBERS if not (hasattr(type(found), member) or hasattr(found, member))]
    if lacking:
        raise InputError(f"backend {spec}: {point.value} is no backend, it lacks {', '.join(lacking)}")
    backend: Backend = found
    return backend


def _offered(module: ModuleType) -> str:
    names = [
        name
        for name, value in vars(module).items()
        if hasattr(value, "evaluate") and hasattr(value, "descend")
        if not inspect.isclass(value) or value.__module__ == module.__name__  # not what it merely imports
    ]
    told = ", ".join(f"{module.__name__}:{name}" for name in names)
    return f"what looks like a backend there: {told}" if told else "nothing there has evaluate and descend"


def describe(spec: str, backend: Backend) -> Description:
    """The plain facts of a loaded backend. Raises InputError where they are not of the protocol's form."""
    name = backend.name
    if not isinstance(name, str) or not re.fullmatch(r"[\w.+-]+", name):
        raise InputError(f"backend {spec}: its name is {shown(name)}; letters, digits, ., +, - and _ make a name")
    if name in RESERVED and spec not in (MUTANTS, UNREGISTERED[MUTANTS]):
        raise InputError(f"backend {spec}: its name is {name!r}, which stands for {RESERVED[name]}; choose another")
    try:
        devices, dtypes = (
            _names(backend, field, known) for field, known in (("devices", DEVICES), ("dtypes", FORMATS))
        )
        series = declared_series(backend)
    except InputError as error:
        raise InputError(f"backend {spec}: {error}") from None
    settings = {str(key): str(value) for key, value in backend.settings().items()}
    return Description(spec, plain(name), str(backend.version), devices, dtypes, series, settings)


def _names(backend: Backend, field: str, known: Any) -> tuple[str, ...]:
    try:
        return names_of(field.removesuffix("s"), known)(getattr(backend, field))
    except InputError as error:
        raise InputError(f"{field} {error}") from None
