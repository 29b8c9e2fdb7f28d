"""From the user's numbers to the mistake: every hypothesis is tested on all samples of the first shape.

Simple ones first (zero, a factor, a permutation of axes), which need no sweep; then faults of the traced
graph, of which the one wins that explains most of the user's gradients, right ones included.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from backproof.derivation.diagnosis import axes, derivatives, forward, operands, scaled, slopes, terms
from backproof.derivation.diagnosis.factor import identify
from backproof.derivation.diagnosis.fault import Fault, fit, holds
from backproof.derivation.diagnosis.places import Places
from backproof.derivation.diagnosis.sweeps import Sweeper, size
from backproof.derivation.samples import Sample
from backproof.models.model import Model

LIKE = 2.0**10  # numbers agree that differ by less than this times the truth's own bound


@dataclass(frozen=True)
class Diagnosis:
    """The mistake it looks like: a kind from a closed list, a sentence, and where they apply factor and line."""

    kind: str
    text: str
    factor: str | None = None
    line: int | None = None


class Diagnostician:
    """The samples, and how the user's answers look from each hypothesis."""

    def __init__(self, model: Model, source: str, samples: Sequence[Sample]) -> None:
        self.model, self.samples = model, samples
        self.same = [s for s in samples if s.graph is samples[0].graph]  # seeds of the first shape
        trace = samples[0].graph.trace
        self.places = Places(source, samples[0].graph.order, trace)

    def diagnose(self, wrong: Sequence[str]) -> dict[str, Diagnosis]:
        """A diagnosis for each of the wrong gradients (of the right form)."""
        found: dict[str, Diagnosis] = {}
        close = [name for name in wrong if all(self._right(s, name) for s in self.samples)]
        for name in close:  # every hypothesis with a factor of 1 fits numbers that hardly differ from the truth
            found[name] = self._few(name) or Diagnosis("unknown", TOO_CLOSE)
        for name in wrong:
            simple = None if name in close else self._simple(name)
            if simple:
                found[name] = simple
        rest = [name for name in wrong if name not in found]
        if rest:
            with np.errstate(all="ignore"):  # a wrong rule may divide by zero
                found |= self._by_faults(rest)
        return found

    def _simple(self, name: str) -> Diagnosis | None:
        pairs = [(s.answers[name], s.truths[name]) for s in self.samples]
        if all(not u.any() for u, _ in pairs):
            return Diagnosis("zero", "it is zero everywhere")
        return self._factor(name) or self._transposed(name)

    def _factor(self, name: str) -> Diagnosis | None:
        points, widest = [], 0.0
        for s in self.samples:
            u, t, tolerance = s.answers[name], s.truths[name], self._tolerance(s, name)
            if not u.any() and not t.any():  # as where no example is active
                continue
            c = fit(u, np.zeros_like(t), t, tolerance)
            if not c:  # none, or zero on this sample alone
                return None
            points.append((self._letters(s), c))
            widest = max(widest, tolerance / size(u))
        factor = identify([({**at}, c) for at, c in points], 4 * widest)
        if factor is None or all(abs(c - 1) <= 4 * widest for _, c in points):
            return None
        return Diagnosis("factor", f"yours is {factor} times the truth", factor)

    def _letters(self, sample: Sample) -> dict[str, float]:
        """The sizes, and data that are one number."""
        scalars = {n: float(sample.arrays[n]) for n in self.model.data if sample.arrays[n].shape == ()}
        return {**sample.graph.dims, **scalars}

    def _transposed(self, name: str) -> Diagnosis | None:
        shape = self.samples[0].truths[name].shape
        for order in itertools.permutations(range(len(shape))):
            if list(order) != sorted(order) and all(
                s.truths[name].transpose(order).shape == s.answers[name].shape
                and size(s.answers[name] - s.truths[name].transpose(order)) <= self._tolerance(s, name)
                for s in self.samples
            ):
                return Diagnosis("transpose", f"yours is the truth with its axes permuted to {order}")
        return None

    def _another(self, name: str) -> Diagnosis | None:
        for other in self.model.params:
            if (
                name in self.model.params
                and other != name
                and all(
                    s.truths[other].shape == s.answers[name].shape
                    and size(s.answers[name] - s.truths[other]) <= self._tolerance(s, other)
                    for s in self.samples
                )
            ):
                return Diagnosis("key", f"yours is the gradient of {other}")
        return None

    def _tolerance(self, sample: Sample, name: str) -> float:
        """How far apart numbers may be that are the same: the truth's bound, scaled to the user's size."""
        u, t = sample.answers[name], sample.truths[name]
        bound = sample.quantities[name].likely
        largest = float(np.max(bound[np.isfinite(bound)], initial=0.0))
        return LIKE * largest * max(1.0, size(u) / size(t) if size(t) else 1.0)

    def _faults(self, sweeper: Sweeper) -> Iterator[Fault]:
        params = {a for p in self.model.params for a in self.model.shapes[p].split()}
        letters = {x: n for x, n in self.samples[0].graph.dims.items() if x not in params}
        yield from derivatives.derivatives(sweeper, self.places)
        yield from slopes.slopes(sweeper, self.places)
        yield from terms.terms(sweeper, self.places)
        yield from terms.reductions(sweeper, self.places)
        yield from terms.examples(sweeper, self.places, letters)
        yield from operands.operands(sweeper, self.places)
        yield from operands.stale_values(sweeper, self.places)
        yield from forward.forwards(sweeper, self.places)
        yield from axes.axes(sweeper, self.places)

    def _by_faults(self, wrong: Sequence[str]) -> dict[str, Diagnosis]:
        sweepers = [Sweeper(sample) for sample in self.same]
        found = self._best(wrong, self._faults(sweepers[0]), sweepers)
        found |= {
            name: other for name in wrong if name not in found and (other := self._another(name) or self._few(name))
        }
        rest = [name for name in wrong if name not in found]
        if rest:
            found |= self._best(rest, scaled.scaled(sweepers[0], self.places), sweepers)
        return {name: found.get(name) or self._unknown(found) for name in wrong}

    def _unknown(self, found: Mapping[str, Diagnosis]) -> Diagnosis:
        """With the next step: what was found for others, or gradients of intermediates, compared one by one."""
        if found:
            others = ", ".join(f"d{name}" for name in found)
            return Diagnosis("unknown", f"{UNKNOWN}; mend {others} first: the mistake may be the same")
        untold = [tap for tap in self.samples[0].graph.trace.taps if tap not in self.samples[0].answers]
        how = f"return the gradients of {', '.join(untold)} too" if untold else ""
        if not self.samples[0].graph.trace.taps:
            how = 'name intermediates in the loss, h = tap("h", ...), and return their gradients too'
        return Diagnosis("unknown", f"{UNKNOWN}; {how}: the first wrong step is then told" if how else UNKNOWN)

    def _best(self, wrong: Sequence[str], faults: Iterator[Fault], sweepers: Sequence[Sweeper]) -> dict[str, Diagnosis]:
        best: dict[str, tuple[Any, Diagnosis]] = {}
        names = [n for n in sweepers[0].targets if all(n in s.sample.answers for s in sweepers)]
        amiss = [n for n in names if not all(self._right(s.sample, n) for s in sweepers)]
        for number, fault in enumerate(faults):
            explained = self._explained(fault, sweepers, names, amiss)
            for name in wrong:
                if name in explained and name in amiss:  # what is right on these seeds, any fault reproduces
                    c = explained[name]
                    told = self._told(fault, c, name)
                    plain = c in (0.0, 1.0) or (c == -1 and fault.kind == "missing-term")
                    expressions = fault.text.count("`") if fault.kind == "wrong-derivative" else 0  # names say more
                    key = (not plain, -len(explained), fault.rank, expressions, number)
                    if told and (name not in best or key < best[name][0]):
                        best[name] = (key, told)
        return {name: diagnosis for name, (_, diagnosis) in best.items()}

    def _explained(
        self, fault: Fault, sweepers: Sequence[Sweeper], names: Sequence[str], amiss: Sequence[str]
    ) -> dict[str, float]:
        """The user's gradients, of `names`, that the fault reproduces, with its c: on all seeds, to the tolerance.
        None where none of those `amiss` on some seed is among them."""
        constants: dict[str, float] = {}
        for i, sweeper in enumerate(sweepers):
            predicted = fault.predict(sweeper)
            for name in names:
                u, base, part = sweeper.sample.answers[name], predicted.base[name], predicted.part[name]
                tolerance = self._tolerance(sweeper.sample, name)
                if i == 0:
                    c = fit(u, base, part, tolerance)
                    if c is not None:
                        constants[name] = _rounded(c, tolerance, part)
                elif name in constants and not holds(u, base, part, constants[name], tolerance):
                    del constants[name]
            if not any(name in constants for name in amiss):
                return {}
        return constants

    def _right(self, sample: Sample, name: str) -> bool:
        return bool(size(sample.answers[name] - sample.truths[name]) <= self._tolerance(sample, name))

    def _told(self, fault: Fault, c: float, name: str) -> Diagnosis | None:
        at = self.places.at(fault.line)
        where = f"; {at}" if at else ""
        if fault.kind == "missing-term":
            if c == 0:
                return Diagnosis("missing-term", f"missing: {fault.text}{where}", line=fault.line)
            said = self._constant(c)
            put = "has the wrong sign" if c == -1 else f"counts {said} times"
            return Diagnosis("wrong-derivative", f"{fault.text} {put}{where}", line=fault.line)
        if c == 0:
            return None
        extra = "" if c == 1 else f", and times {self._constant(c)}"
        return Diagnosis(fault.kind, f"{fault.text}{extra}{where}", line=fault.line)

    def _constant(self, c: float) -> str:
        """c, known at one shape only: in its letters where they make it, and then as the number too."""
        point = [(self._letters(self.same[0]), c)]
        tolerance = min(1e-9, abs(c - 1) / 2)  # it is not 1, and must not be called so
        number = identify(point, tolerance) or f"{c:.6g}"
        letters = identify(point, tolerance, number_cost=1.0)
        return number if letters in (None, number) else f"{letters} (here {number})"

    def _few(self, name: str) -> Diagnosis | None:
        """A few components wrong, the same ones on every seed, while the rest is right."""
        wrong = [np.abs(s.answers[name] - s.truths[name]) > s.quantities[name].rigorous for s in self.same]
        positions = np.any(wrong, axis=0)
        if not 0 < positions.sum() <= positions.size / 3:
            return None
        listed = ", ".join(str([int(i) for i in index]) for index in np.argwhere(positions)[:4])
        text = f"{int(positions.sum())} of {positions.size} components are wrong, the others right: {listed}"
        return Diagnosis("element", text)


TOO_CLOSE = "it differs from the truth by too little to tell one mistake from another"
UNKNOWN = "no single mistake that was tried reproduces these numbers"


def _rounded(c: float, tolerance: float, part: Any) -> float:
    """c, or the whole number that it is to rounding."""
    whole = round(c)
    return float(whole) if abs(c - whole) * size(part) <= tolerance else c


Wrong = Mapping[str, Diagnosis]
