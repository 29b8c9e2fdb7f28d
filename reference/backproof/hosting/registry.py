"""Finding backends: entry points of the group `backproof.backends`, or `module:attr`."""

import importlib
import inspect
import os
import re
import sys
from dataclasses import dataclass, field
from importlib.metadata import EntryPoint, entry_points
from types import ModuleType
from typing import Any

from backproof.core import digests
from backproof.core.errors import InputError
from backproof.hosting.protocol import Backend
from backproof.models.algorithms import FORMS
from backproof.rounding.formats import PRODUCTS

GROUP = "backproof.backends"
MUTANTS = "mutants"  # our own wrong backend
UNREGISTERED = {  # ours, which "all" leaves out
    MUTANTS: "backproof.mutants:backend",
    "torch-ranks": "backproof.descent.ranks.backend:TorchRanks",
    "jax-ranks": "backproof.descent.ranks.backend:JaxRanks",
}
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
    series: tuple[str, ...]
    settings: dict[str, str]
    only: dict[str, tuple[str, ...]] = field(default_factory=dict)  # series that offer some models only
    costly: tuple[str, ...] = ()  # series that compile every shape for seconds
    forms: dict[str, str] = field(
        default_factory=dict
    )  # series that compute in a form of `backproof.models.algorithms`
    on: dict[str, tuple[str, ...]] = field(default_factory=dict)  # series for some devices only
    dtypes_of: dict[str, tuple[str, ...]] = field(default_factory=dict)  # series that take some dtypes only
    products: dict[str, str] = field(default_factory=dict)  # series whose products of matrices have fewer bits
    lacking: dict[str, str] = field(default_factory=dict)  # series that cannot run here, and why
    derivations: dict[str, str] = field(default_factory=dict)  # series that run a user's "loss" or his "gradients"
    code: str = ""  # the digest of the code it is written in: verdicts are of it

    def offers(self, series: str, model: str, dtype: str | None = None) -> bool:
        """Whether a series takes a model (and a dtype), on whatever device."""
        if model not in self.only.get(series, (model,)):
            return False
        return dtype is None or dtype in self.dtypes_of.get(series, self.dtypes)

    def label(self, series: str) -> str:
        """The series' name, and the devices that it is for where not all are."""
        return f"{series} ({', '.join(self.on[series])})" if series in self.on else series

    def runs(self, series: str, device: str) -> bool:
        """Whether a series runs on a device here."""
        return device in self.devices and device in self.on.get(series, (device,)) and series not in self.lacking


def registered() -> dict[str, EntryPoint]:
    """Every registered backend's entry point, by name: the reference first, the others alphabetically."""
    points = sorted(entry_points(group=GROUP), key=lambda point: (point.name != "numpy", point.name))
    return {point.name: point for point in points}


def load(spec: str) -> Backend:
    """Import the backend `spec`, a registered name or `module:attr` (an instance, a class or a module).

    Raises InputError where it is unknown or broken, or something it imports is not installed.
    """
    if "," in spec:
        raise InputError(f"there is no backend {spec}; --backend names one, and may be given again")
    if ":" in spec:
        if not re.fullmatch(r"[\w.]+:[\w.]+", spec) or spec.partition(":")[0].endswith(".py"):
            raise InputError(f"there is no backend {spec}; name it as module:attr, the module without .py or a path")
        point = EntryPoint(spec, spec, GROUP)
        if os.getcwd() not in sys.path:
            sys.path.insert(0, os.getcwd())
    else:
        points = registered() | {name: EntryPoint(name, value, GROUP) for name, value in UNREGISTERED.items()}
        if spec not in points:
            known = ", ".join(points) or "none"
            raise InputError(f"there is no backend {spec}; registered are {known}; any other is named as module:attr")
        point = points[spec]
    try:
        module = importlib.import_module(point.module)
    except ModuleNotFoundError as error:
        hint = "install it, or run where its file is"
        if spec in ("torch", "jax", "numba"):
            hint = f"pip install 'backproof[{spec}]'"
        raise InputError(f"backend {spec}: no module {error.name}; {hint}") from None
    except Exception as error:
        raise InputError(f"backend {spec}: importing {point.module} fails: {one_line(error)}") from error
    try:
        found: Any = module
        for name in filter(None, point.attr.split(".") if point.attr else []):
            if not hasattr(found, name):
                raise InputError(f"backend {spec}: there is no {name} in {point.module}; {_offered(module)}")
            found = getattr(found, name)
        found = found() if inspect.isclass(found) else found
    except InputError:
        raise
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
    for name in ("devices", "dtypes", "series"):
        told = getattr(backend, name)
        if isinstance(told, str) or not all(isinstance(item, str) for item in told) or not len(told):
            raise InputError(f"backend {spec}: {name} is {told!r}; it must be a sequence of names, one at least")
    if not re.fullmatch(r"[\w.+-]+", str(backend.name)):
        raise InputError(f"backend {spec}: its name is {backend.name!r}; letters, digits, ., +, - and _ make a name")
    forms = {str(series): str(form) for series, form in getattr(backend, "forms", {}).items()}
    derivations = {s: str(what) for s, what in getattr(backend, "derivations", {}).items() if s in backend.series}
    for series, what in derivations.items():
        if what not in ("loss", "gradients"):
            told = f"{series!r}: {what!r}"
            raise InputError(f'backend {spec}: derivations has {told}; it maps series to "loss" or "gradients"')
    for form in forms.values():
        if form not in FORMS:
            raise InputError(f"backend {spec}: there is no form {form}; there are {', '.join(FORMS)}")
    products = {str(series): str(name) for series, name in getattr(backend, "products", {}).items()}
    for name in products.values():
        if name not in PRODUCTS:
            raise InputError(f"backend {spec}: there are no products in {name}; there are {', '.join(PRODUCTS)}")
    return Description(
        spec,
        str(backend.name),
        str(backend.version),
        tuple(backend.devices),
        tuple(backend.dtypes),
        tuple(backend.series),
        {str(key): str(value) for key, value in backend.settings().items()},
        {series: tuple(models) for series, models in getattr(backend, "only", {}).items()},
        tuple(getattr(backend, "costly", ())),
        forms,
        {series: tuple(devices) for series, devices in getattr(backend, "on", {}).items()},
        {series: tuple(dtypes) for series, dtypes in getattr(backend, "dtypes_of", {}).items()},
        products,
        {str(series): str(reason) for series, reason in getattr(backend, "lacking", {}).items()},
        derivations,
        _digest(backend),
    )


def _digest(backend: Backend) -> str:
    module = backend if inspect.ismodule(backend) else inspect.getmodule(type(backend))
    file = getattr(module, "__file__", None)
    return digests.digest(file) if file and os.path.isfile(file) else ""


def one_line(error: BaseException) -> str:
    """An exception as one line: its type, its message and where it was raised."""
    try:
        message = " ".join(str(error).split())
    except Exception:
        message = "(its message cannot be shown)"
    frame = error.__traceback__
    while frame and frame.tb_next:
        frame = frame.tb_next
    where = f" ({os.path.basename(frame.tb_frame.f_code.co_filename)}:{frame.tb_lineno})" if frame else ""
    return f"{type(error).__name__}: {message[:300]}{where}"
