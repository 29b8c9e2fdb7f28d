"""A stored manifest against what is there now: what differs, in words, and the same manifest measured anew."""

import importlib
import os
from collections.abc import Iterator, Mapping
from dataclasses import fields
from typing import Any

from backproof.evidence.fingerprint import ABSENT, fingerprint
from backproof.evidence.manifest import Manifest, locate, secret, together
from backproof.evidence.watch import SETTINGS


def read(told: Any) -> tuple[Manifest, list[tuple[str, str, list[str]]]]:
    """What `Manifest.as_json` wrote: the manifest of files that are not installed, and (folder, digest, names) of
    those that are. Raises TypeError or LookupError or ValueError where it is anything else."""
    manifest = Manifest(**{field.name: told[field.name] for field in fields(Manifest)})
    for by_name in (manifest.files, manifest.facts, manifest.variables):
        _texts([*by_name, *by_name.values(), manifest.package])
    for texts in (manifest.path, manifest.path_at_end, manifest.unknown, manifest.rewritten):
        _texts(texts)
    for name, places in manifest.modules.items():
        _texts([name])
        _texts([] if places is None else places)
    folders = [(group["folder"], group["digest"], group["files"]) for group in told["installed"]]
    for folder, digest, names in folders:
        _texts([folder, digest])
        _texts(names)
    return manifest, folders


def differences(told: Any, now: Manifest) -> tuple[list[str], Manifest]:
    """Why what was concluded in the process of a stored manifest need not hold in that of `now`, and the manifest as
    it is now; no reasons where all is the same."""
    then, folders = read(told)
    importlib.invalidate_caches()
    reasons = list(then.unknown)
    reasons += [f"{what}{_change(then.facts, now.facts, what)}" for what in _differing(then.facts, now.facts)]
    reasons += [f"{name} is set otherwise" for name in _variables(then)]
    fresh = Manifest(**vars(then))
    fresh.files = {path: fingerprint(path) for path in then.files}
    reasons += [
        f"{_name(path)} {'is new' if was == ABSENT else 'is gone' if fresh.files[path] == ABSENT else 'changed since'}"
        for path, was in then.files.items()
        if fresh.files[path] != was
    ]
    for folder, digest, names in folders:
        inside = {name: fingerprint(os.path.join(folder, name)) for name in names}
        if together(inside) != digest:
            reasons.append(
                f"{_name(os.path.join(folder, names[0]) if len(names) == 1 else folder)} (installed) changed since"
            )
        fresh.files |= {os.path.join(folder, name): told for name, told in inside.items()}
    path = then.path_at_end if now.path == then.path else now.path
    reasons += [
        f"module {name} is found {'elsewhere' if places else 'now'}"
        for name, places in then.modules.items()
        if locate(name, path) != places
    ]
    return list(dict.fromkeys(reasons)), fresh


def _differing(then: Mapping[str, str], now: Mapping[str, str]) -> Iterator[str]:
    return (what for what in {**then, **now} if then.get(what) != now.get(what))


def _change(then: Mapping[str, str], now: Mapping[str, str], what: str) -> str:
    was, is_now = then.get(what) or "absent", now.get(what) or "absent"
    return f" was {was} and is {is_now}" if len(was) + len(is_now) < 60 else " changed"


def _variables(then: Manifest) -> list[str]:
    """The variables whose values are not those of then: those that were asked for, or that begin as settings do."""
    names = {*then.variables, *(name for name in os.environ if name.startswith(SETTINGS))}
    unset = secret(None)
    return sorted(name for name in names if secret(os.environ.get(name)) != then.variables.get(name, unset))


def _name(path: str) -> str:
    return os.path.basename(path)


def _texts(values: Any) -> None:
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        raise TypeError
    for value in values:
        value.encode(errors="surrogateescape")  # as names of files are; a ValueError elsewhere
