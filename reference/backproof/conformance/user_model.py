"""A user's derivation file as a model of the matrix.

The file's code runs in processes of its own only: here it is traced and sampled, at every shape and before any cell
runs, so that a file at fault ends the command with one line; later the backends' processes load it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from backproof.core.errors import InputError
from backproof.derivation.process import UserProcess
from backproof.derivation.samples import all_dims, traced_rows
from backproof.graph.nodes import Node
from backproof.graph.sweep import rebuild
from backproof.hosting.layouts import LAYOUTS
from backproof.models.model import Dims, Model
from backproof.models.primitives import untapped
from backproof.models.user_file import model_name

SECONDS = 10.0  # what any one call into the file may take here
DRAWS = ("normal", "sample1", "sample2")  # standard normals, or what the file's `sample` returns, for other seeds
SCALES = {  # factors of the parameters, and of the data, that no `sample` returns: those may have to be what they are
    f"{what}1e{exponent}": (what, 10.0**exponent) for what in ("params", "data") for exponent in (4, -4)
}

Key = tuple[tuple[str, int], ...]


@dataclass(frozen=True)
class _Traced:
    """The loss as rows of `graph.flatten`, and the places of the loss, the arrays and the taps in them."""

    rows: Sequence[tuple[Any, ...]]
    loss: int
    inputs: Mapping[str, int]
    taps: Mapping[str, int]


@dataclass(frozen=True, eq=False)
class UserModel:
    """A derivation that was traced and sampled at `shapes`. `model.loss` replays the trace on nodes; the file's own
    functions are elsewhere. `sampled` names the arrays that its `sample` returns. `code` is a digest of the file's
    text, `outcome` one of what was traced and drawn, whatever the file imports or reads for it."""

    path: str
    code: str
    outcome: str
    model: Model
    shapes: Sequence[Dims]
    sampled: frozenset[str]
    taps: frozenset[str]
    drawn: Mapping[tuple[Key, str], Mapping[str, Any]] = field(repr=False)

    @classmethod
    def open(cls, path: str, seed: int = 0, at: Callable[[Model], Sequence[Dims]] = all_dims) -> UserModel:
        """Load, trace and sample the file at the shapes `at` chooses for its letters, and run its gradients once a
        shape. Raises InputError where it is at fault."""
        with UserProcess(path, SECONDS, hint="") as user:
            code = hashlib.sha256(Path(path).read_bytes()).hexdigest()
            said = user.load()
            name, params = model_name(path), tuple(said["params"])
            outer = Model(name, said["shapes"], params, _elsewhere, _elsewhere)
            shapes = at(outer)
            traced, drawn = {}, {}
            for dims in shapes:
                found = _Traced(*traced_rows(user, dims))
                traced[tuple(outer.shape(array, dims) for array in outer.shapes)] = found
                for offset, draw in enumerate(DRAWS):
                    drawn[key(dims), draw] = user.ask("draw", dims, seed + offset)
                user.ask("gradients", drawn[key(dims), DRAWS[0]], "float64", "gradients")
            sampled = frozenset(user.ask("sampled", shapes[0], seed))
        model = Model(name, said["shapes"], params, _replayed(traced), _elsewhere)
        outcome = _digest([[rows_of.rows for rows_of in traced.values()], list(drawn.items())])
        return cls(str(Path(path).resolve()), code, outcome, model, shapes, sampled, frozenset(found.taps), drawn)

    def arrays(self, dims: Key, regime: str) -> dict[str, Any]:
        """The arrays (float64) of a regime at a shape."""
        arrays = dict(self.drawn[dims, regime if regime in DRAWS else DRAWS[0]])
        if regime in SCALES:
            what, factor = SCALES[regime]
            for name in self.model.params if what == "params" else self.model.data:
                arrays[name] = arrays[name] if name in self.sampled else arrays[name] * factor
        return arrays

    def regimes(self) -> list[str]:
        """The draws, scales and layouts that make another problem of this file."""
        free = {what for what in ("params", "data") if set(getattr(self.model, what)) - self.sampled}
        return [
            *DRAWS,
            *(regime for regime, (what, _) in SCALES.items() if what in free),
            *(layout for layout in LAYOUTS if layout != "normal"),
        ]


def key(dims: Dims) -> Key:
    """Sizes by letter as a tuple, to look things up by."""
    return tuple(dims.items())


def _digest(values: Any) -> str:
    """Of nested lists, dicts, arrays and what has a repr of its own."""
    whole = hashlib.sha256()

    def add(value: Any) -> None:
        if isinstance(value, list | tuple):
            whole.update(f"[{len(value)}".encode())
            for item in value:
                add(item)
        elif isinstance(value, dict):
            add(sorted(value.items()))
        elif isinstance(value, np.ndarray) and value.dtype != object:
            whole.update(f"{value.dtype}{value.shape}".encode() + value.tobytes())
        else:
            whole.update(f"{type(value).__name__} {value!r};".encode())

    add(values)
    return whole.hexdigest()


def _replayed(traced: Mapping[tuple[tuple[int, ...], ...], _Traced]) -> Any:
    """A loss that makes, of nodes of one of the traced shapes, the nodes that the file's own made there."""

    def loss(xp: Any, tap: Any = untapped, **arrays: Node) -> Node:
        found = traced[tuple(array.shape for array in arrays.values())]
        given = {place: arrays[name] for name, place in found.inputs.items()}
        order = rebuild(found.rows, given)
        for name, place in found.taps.items():
            tap(name, order[place])
        return order[found.loss]

    return loss


def _elsewhere(*_: Any, **__: Any) -> Any:
    raise InputError("a derivation's own functions run in processes of their own")
