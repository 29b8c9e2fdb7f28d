"""Where timed calls start, each elsewhere, so that none can be answered from an earlier one; and what they came to.

Every other call descends on -y, from -w2 and -b2 (-w and -b): all four models are odd in these to the last bit, so its
ends are those of the other calls with the signs turned. Every call also has the scalar bias one ulp farther from where
the cell has it. Of a derivation no symmetry is known: there all parameters grow by FARTHER a call.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from backproof.models import MODELS
from backproof.models.model import Model

ODD = ("w", "b", "w2", "b2", "y")
FARTHER = 2.0**-12  # of a derivation's parameters: a hundred calls stay near
WAIT = 0.1  # of a call's time: reading that takes this much longer than it should has waited

MEMOISED = "descend gave the same parameters from another start; it must compute in every call"
LATE = (
    "descend returned before its result was there; it must wait for it, as by block_until_ready (reading the "
    "parameters then took {:.0%} of the call's time)"
)


class Starts:
    """The parameters of a cell, NumPy arrays of its dtype, as calls have them by their `turn`; 0 is the cell's own."""

    def __init__(self, model: Model, params: Mapping[str, Any]) -> None:
        self.params, self.built_in = dict(params), model.name in MODELS and model is MODELS[model.name]

    def turned(self, turn: int) -> bool:
        """Whether the call is on -y."""
        return self.built_in and turn % 2 == 1

    def of(self, turn: int) -> dict[str, Any]:
        """The parameters that a call starts from."""
        if not self.built_in:
            return {name: np.asarray(p * (1 + turn * FARTHER), p.dtype) for name, p in self.params.items()}
        bias = self._bias
        moved = self.params | {bias: np.asarray(self.params[bias] + turn * np.spacing(self.params[bias]))}
        return self.undone(turn, moved)

    def undone(self, turn: int, ends: Mapping[str, Any]) -> dict[str, Any]:
        """What a call ends with, its signs as if it had been on y."""
        return {name: np.asarray(-p) if self.turned(turn) and name in ODD else p for name, p in ends.items()}

    def differ(self, one: int, other: int) -> bool:
        """Whether two calls cannot end alike: an ulp may be lost on the way, signs are not, nor much of a scale."""
        if self.built_in:
            return self.turned(one) != self.turned(other)
        return not _same(self.of(one), self.of(other))

    def moved(self, turn: int) -> float:
        """How far the start is from the cell's own, but for the signs."""
        return turn * float(abs(np.spacing(self.params[self._bias]))) if self.built_in else 0.0

    @property
    def _bias(self) -> str:
        return "b" if "b" in self.params else "b2"


@dataclass
class Timed:
    """What all timed calls of a series, of the same number of steps, came to: the least and the greatest of every
    component of their ends, the signs undone; how far their starts were from the cell's own, at most; the least time
    that reading their ends waited, as a share of the call's; and whether one gave what the one before had given."""

    least: dict[str, Any] = field(default_factory=dict)
    greatest: dict[str, Any] = field(default_factory=dict)
    moved: float = 0.0
    waited: float = float("inf")
    repeated: bool = False
    _last: tuple[int, dict[str, Any]] | None = None  # turn and ends

    def add(self, starts: Starts, turn: int, ends: Mapping[str, Any], waited: float) -> None:
        """A call more."""
        ends = {name: np.array(p) for name, p in ends.items()}
        if self._last is not None:
            self.repeated |= starts.differ(self._last[0], turn) and _same(self._last[1], ends)
        self._last = turn, ends
        undone = starts.undone(turn, ends)
        self.least = {name: np.minimum(self.least.get(name, p), p) for name, p in undone.items()}
        self.greatest = {name: np.maximum(self.greatest.get(name, p), p) for name, p in undone.items()}
        self.moved, self.waited = max(self.moved, starts.moved(turn)), min(self.waited, waited)

    @property
    def plain(self) -> dict[str, Any]:
        """What is known of it without what it is made of, as values that frames hold."""
        sides = {side: {n: np.asarray(p) for n, p in getattr(self, side).items()} for side in ("least", "greatest")}
        return sides | {"moved": self.moved, "waited": self.waited, "repeated": self.repeated}

    @property
    def fault(self) -> str | None:
        """Why its times are none."""
        if self.repeated:
            return MEMOISED
        return LATE.format(self.waited) if self.waited > WAIT else None


def _same(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    return all(np.array_equal(p, other[name]) for name, p in one.items())
