"""`Series`: all that a backend states of one of its ways to run, in one record that is checked when it is made."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from backproof.core.errors import InputError
from backproof.models import MODELS
from backproof.models.algorithms import ALGORITHMS
from backproof.rounding.formats import FORMATS, PRODUCTS

DEVICES = ("cpu", "cuda")
DERIVATIONS = ("loss", "gradients")


@dataclass(frozen=True)
class Series:
    """One way in which a backend runs the models.

    Stated by its name alone, a series offers every model in every dtype on every device of its backend, rounds as the
    model's own equations do, and runs nobody's derivation but the four. Every further fact narrows what it offers,
    widens the bounds that it is judged by, or adds derivations. Raises InputError, in one line that names the series
    and the field, where a value is of another kind or unknown.

    - `models`: the names of the built-in models that it offers.
    - `devices`: those of "cpu" and "cuda" that it is for, present on this machine or not.
    - `dtypes`: those of its backend's dtypes that it takes.
    - `algorithm`: the name of one of `backproof.models.algorithms` that it computes the gradients by. Its bounds are
      those of the algorithm, and its `models` those that the algorithm has, or some of them.
    - `matmul_precision`: the format, "tf32" or "bfloat16", to which it cuts the factors of products of matrices on
      purpose. Its bounds allow for that.
    - `slow_to_compile`: it compiles for seconds at every shape. The smaller sets of cells hold few of its cells.
    - `unavailable`: why it cannot run here. Its cells are skipped with this reason.
    - `derivations`: what it runs of anyone's derivation: "loss" (it differentiates `model.loss(xp, ...)` in its own
      array-API namespace `xp`) or "gradients" (it calls `model.gradients(...)` on NumPy arrays).
    """

    name: str
    models: Sequence[str] | None = None
    devices: Sequence[str] | None = None
    dtypes: Sequence[str] | None = None
    algorithm: str | None = None
    matmul_precision: str | None = None
    slow_to_compile: bool = False
    unavailable: str | None = None
    derivations: str | None = None

    def __post_init__(self) -> None:
        self._set("name", series_name(self.name))
        self._check("models", names_of("model", MODELS))
        self._check("devices", names_of("device", DEVICES))
        self._check("dtypes", names_of("dtype", FORMATS))
        self._check("algorithm", one_of(ALGORITHMS))
        self._check("matmul_precision", one_of(PRODUCTS))
        self._check("derivations", one_of(DERIVATIONS))
        self._check("unavailable", _reason)
        if not isinstance(self.slow_to_compile, bool):
            raise self._error("slow_to_compile", f"is {shown(self.slow_to_compile)}; it must be True or False")
        if self.algorithm is not None:
            self._keep_to(self.algorithm)

    @property
    def label(self) -> str:
        """Its name, and the devices that it is for where not all are."""
        return self.name if self.devices is None else f"{self.name} ({', '.join(self.devices)})"

    def _keep_to(self, algorithm: str) -> None:
        offered = ALGORITHMS[algorithm].models
        for model in self.models or ():
            if model not in offered:
                raise self._error("models", f"has {model}; the algorithm {algorithm} is for {', '.join(offered)}")
        self._set("models", self.models or offered)

    def _check(self, field: str, checked: Callable[[Any], Any]) -> None:
        value = getattr(self, field)
        if value is not None:
            try:
                self._set(field, checked(value))
            except InputError as error:
                raise self._error(field, str(error)) from None

    def _set(self, field: str, value: Any) -> None:
        object.__setattr__(self, field, value)  # the record is frozen once it is made

    def _error(self, field: str, wrong: str) -> InputError:
        return InputError(f"series {self.name}: {field} {wrong}")


def shown(value: Any) -> str:
    """Whatever somebody wrote, on one line and of no great length."""
    try:
        line = " ".join(repr(value).split())
    except Exception:
        line = f"of type {type(value).__name__}"
    return line if len(line) <= 80 else f"{line[:77]}..."


def plain(text: Any) -> str:
    """A text as a str itself: a subclass of somebody's module could not be read by another process."""
    return str.__str__(text)


def names_of(kind: str, known: Any = None) -> Callable[[Any], tuple[str, ...]]:
    """A check that a value is a tuple or list of distinct names, one at least, each of `known` if that is given."""

    def check(value: Any) -> tuple[str, ...]:
        if isinstance(value, str):
            raise InputError(f"is {value!r}, a text; write a tuple of names: ({value!r},)")
        if not isinstance(value, tuple | list) or not all(isinstance(name, str) for name in value):
            raise InputError(f"is {shown(value)}; it must be a tuple of names")
        if not value:
            raise InputError(f"is {shown(value)}; it must be a tuple of names, one at least")
        names = tuple(plain(name) for name in value)
        for name in names:
            if known is not None and name not in known:
                raise InputError(f"has {name!r}; there is no such {kind}, only {', '.join(known)}")
            if names.count(name) > 1:
                raise InputError(f"has {name!r} twice")
        return names

    return check


def one_of(known: Any) -> Callable[[Any], str]:
    """A check that a value is one of the `known` names."""

    def check(value: Any) -> str:
        if not isinstance(value, str) or value not in known:
            raise InputError(f"is {shown(value)}; it must be one of {', '.join(known)}, or None")
        return plain(value)

    return check


def series_name(name: Any) -> str:
    """A checked name: cells are written `backend:series`, and lists of cells have a space behind."""
    if not isinstance(name, str):
        raise InputError(f"a series' name is {shown(name)}; it must be a text")
    if not name or not name.isprintable() or any(letter.isspace() or letter == ":" for letter in name):
        raise InputError(f"a series' name is {plain(name)!r}; it must be a word without spaces and colons")
    return plain(name)


def _reason(value: Any) -> str:
    if not isinstance(value, str) or not value.split():
        raise InputError(f"is {shown(value)}; it must be a reason in words, or None")
    return " ".join(value.split())
