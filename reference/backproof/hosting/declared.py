"""The series that a loaded backend declares, checked once more; and the mappings that stood in for `Series` once."""

from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from typing import Any

from backproof.core.errors import InputError
from backproof.hosting.series import Series, names_of, plain, shown

# By attribute of a backend, the field of `Series` that took its place. `costly` lists series; the others are mappings
# from series. One that is there, empty or not, stands for the field of every series, as it did. Deprecated.
REPLACED = {
    "only": "models",
    "on": "devices",
    "dtypes_of": "dtypes",
    "forms": "algorithm",
    "products": "matmul_precision",
    "costly": "slow_to_compile",
    "lacking": "unavailable",
    "derivations": "derivations",
}
UNSTATED: dict[str, Any] = {field.name: field.default for field in fields(Series)}


def declared_series(backend: Any) -> tuple[Series, ...]:
    """The backend's series, a plain name being `Series(name)`. Raises InputError where they are not as they must be."""
    given = backend.series
    if isinstance(given, str):
        raise InputError(f"series is {plain(given)!r}, a text; write a tuple: ({plain(given)!r},)")
    if not isinstance(given, tuple | list) or not given or not all(isinstance(one, str | Series) for one in given):
        raise InputError(f"series is {shown(given)}; it must be a tuple of names or Series, one at least")
    records = {one.name: one for one in map(_checked, given)}
    if len(records) < len(given):
        names = [getattr(one, "name", one) for one in given]
        twin = next(name for name in names if names.count(name) > 1)
        raise InputError(f"series has {twin} twice")
    for attribute, field in REPLACED.items():
        value = getattr(backend, attribute, None)
        if value is not None and not callable(value):  # a method of that name declares nothing
            try:
                stated = _stated(value, attribute, tuple(records))
                for name, one in records.items():
                    change: dict[str, Any] = {field: stated.get(name, UNSTATED[field])}
                    records[name] = replace(one, **change)
            except InputError as error:
                raise InputError(f"in {attribute}, now Series(..., {field}=...): {error}") from None
    return tuple(records.values())


def _checked(one: str | Series) -> Series:
    """A Series made anew of its fields, whatever subclass of it or change behind its back it may be."""
    return Series(one) if isinstance(one, str) else Series(**{f.name: getattr(one, f.name) for f in fields(Series)})


def _stated(value: Any, attribute: str, series: Sequence[str]) -> dict[str, Any]:
    """By series, what an attribute states. Raises InputError where it is no mapping (no tuple), or names no series."""
    if attribute == "costly":
        return dict.fromkeys(() if value in ((), []) else names_of("series", series)(value), True)
    if not isinstance(value, Mapping):
        raise InputError(f"{shown(value)} is no mapping from series")
    if strangers := [name for name in value if name not in series]:
        raise InputError(f"there is no series {shown(strangers[0])}; there are {', '.join(series)}")
    return dict(value)
