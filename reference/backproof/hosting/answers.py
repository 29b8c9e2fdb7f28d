"""What arrives in frames from a backend's process, checked: a description, an evaluation. Nothing of it is trusted."""

from dataclasses import fields
from typing import Any

import numpy as np

from backproof.core.errors import InputError
from backproof.hosting.evaluation import Evaluation
from backproof.hosting.registry import Description
from backproof.hosting.series import Series

SENT = ("loss", "output", "tensors", "seconds", "settings")  # of an evaluation; the rest is said by who asked


def described(said: Any) -> Description:
    """What a backend says of itself. Raises TypeError where it is not a description."""
    if not (
        isinstance(said, dict)
        and said.keys() == {field.name for field in fields(Description)}
        and all(isinstance(said[name], str) for name in ("spec", "name", "version", "code"))
        and all(_are_texts(said[name]) for name in ("devices", "dtypes"))
        and isinstance(said["series"], tuple)
        and _is_text_by_text(said["settings"])
    ):
        raise TypeError("what it says of itself cannot be read")
    return Description(**said | {"series": tuple(map(_series, said["series"]))})


def _series(said: Any) -> Series:
    if not isinstance(said, dict) or said.keys() != {field.name for field in fields(Series)}:
        raise TypeError("what it says of its series cannot be read")
    try:
        return Series(**said)
    except InputError as error:
        raise TypeError(str(error)) from None


def evaluation(said: Any) -> Evaluation:
    """A backend's answer to a task. Raises TypeError where it is not one."""
    if not (
        isinstance(said, dict)
        and said.keys() == set(SENT)
        and all(said[name] is None or _is_tensor(said[name]) for name in ("loss", "output"))
        and isinstance(said["tensors"], dict)
        and all(map(_is_tensor, said["tensors"].values()))
        and isinstance(said["seconds"], float)
        and _is_text_by_text(said["settings"])
    ):
        raise TypeError("its answer cannot be read: it is no evaluation")
    return Evaluation(**said)


def _is_tensor(said: Any) -> bool:
    return (
        isinstance(said, tuple)
        and len(said) == 2
        and isinstance(said[0], np.ndarray)
        and said[0].dtype.kind in "fiub"
        and isinstance(said[1], str)
    )


def _are_texts(said: Any) -> bool:
    return isinstance(said, tuple) and all(isinstance(item, str) for item in said)


def _is_text_by_text(said: Any) -> bool:
    return isinstance(said, dict) and all(isinstance(item, str) for pair in said.items() for item in pair)
