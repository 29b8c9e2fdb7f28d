"""The second link: what was traced is what the functions do.

The traced operations, run by NumPy on exact numbers at small sizes, give what the index forms do when they are written
out. The functions themselves, at sizes up to 128 and in every floating-point type, return to the last bit what the
traced operations do, and the same when they are asked again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from fractions import Fraction
from random import Random
from typing import Any

import numpy as np
from numpy import ndindex
from sympy import Add, Expr, Indexed, Integer, Mul, Pow, Sum
from sympy import Rational as SympyRational

from backproof.models import sigmoid
from backproof.models.model import Model
from backproof.proofs.links import Link
from backproof.proofs.numbers import BITS, Replay, arithmetic, converted, distinct_shapes, draw
from backproof.proofs.rationals import Unfit, attempt, exact_value
from backproof.proofs.refusals import Unread
from backproof.proofs.tensors import DIMS, sigma
from backproof.proofs.trace import Trace
from backproof.truth.exact import precision

FLOATS = ("float64", "float32", "float16", "longdouble")
LARGE = (64, 100, 128)
DRAWS = 8
LOSS = "the loss"


def replayed(trace: Trace, seed: int = 0) -> dict[str, Link]:
    """Link 2, of every gradient: why it does not hold, or that it does."""
    faults: dict[str, str] = {}
    random = Random(seed)
    for fault in (_exact_faults(trace, random), _float_faults(trace, random)):
        for name, text in fault:
            faults.setdefault(name, text)
    general = faults.get(LOSS, "")
    return {name: Link(not (found := faults.get(name, general)), found) for name in trace.model.params}


def _exact_faults(trace: Trace, random: Random) -> Iterator[tuple[str, str]]:
    """Where the operations on exact numbers are not what the index forms say; or floats come nowhere near."""
    model, kind = trace.model, arithmetic(trace)
    for dims in [*distinct_shapes(model), {letter: random.randint(1, 5) for letter in model.letters}]:
        drawn = draw(model, dims, random)
        arrays = converted(drawn, kind.number)
        replay, written = Replay(arrays, kind.sigmoid, kind.number), WrittenOut(model, dims, arrays, kind)
        for name in (LOSS, *model.params):
            shape = () if name == LOSS else model.shape(name, dims)
            try:
                tensor = trace.loss if name == LOSS else trace.gradient(name)
                with precision(BITS):
                    value = exact_value(replay, tensor, shape)
                    said = {
                        i: attempt(written.value, tensor.entry(*(Integer(j + 1) for j in i))) for i in ndindex(shape)
                    }
                    differs = any(kind.compare(value[i], said[i]) != "equal" for i in said)
                if differs:
                    raise Unfit("the code does not return what the index form says")
                if name != LOSS and _far(attempt(model.gradients, **_floats(drawn)).get(name), value):
                    raise Unfit("more than half of it is lost to rounding in float64")
            except (Unfit, Unread) as fault:
                yield name, f"{_at(dims)} {fault}"


class WrittenOut:
    """Index forms at actual sizes and numbers."""

    def __init__(self, model: Model, dims: Mapping[str, int], arrays: Mapping[str, Any], kind: Any) -> None:
        self.shapes, self.arrays, self.kind = model.shapes, arrays, kind
        self.sizes = {DIMS[letter]: size for letter, size in dims.items()}

    def value(self, e: Expr) -> Any:
        """The number that `e` is; its only free symbols are the sizes and scalars."""
        if isinstance(e, SympyRational):
            return self.kind.number(Fraction(int(e.p), int(e.q)))
        if isinstance(e, Indexed):
            return self._entry(str(e.base), [int(i) for i in e.indices])
        if isinstance(e, Add | Mul):
            first, *rest = map(self.value, e.args)
            for each in rest:
                first = first + each if isinstance(e, Add) else first * each
            return first
        if isinstance(e, Pow):
            return self.value(e.base) ** (int(e.exp) if e.exp.is_integer else self.value(e.exp))
        if isinstance(e, Sum):
            return self._sum(e.function, list(e.limits))
        if isinstance(e, sigma):
            return self.kind.sigmoid(self.value(e.args[0])).item()
        return self.kind.number(Fraction(self.sizes[e])) if e in self.sizes else self._entry(str(e), [])

    def _sum(self, function: Expr, limits: list[Any]) -> Any:
        if not limits:
            return self.value(function)
        *rest, (bound, _, size) = limits
        total = self.kind.number(Fraction(0))
        for i in range(1, int(size.xreplace(self.sizes)) + 1):
            total = total + self._sum(function.xreplace({bound: SympyRational(i)}), rest)
        return total

    def _entry(self, name: str, indices: list[int]) -> Any:
        at = iter(indices)
        return self.arrays[name][tuple(0 if axis == "1" else next(at) - 1 for axis in self.shapes[name].split())]


def _float_faults(trace: Trace, random: Random) -> Iterator[tuple[str, str]]:
    """Where the functions, on floating-point numbers, do not return what the traced operations give."""
    model, rng = trace.model, np.random.default_rng(random.randrange(2**32))
    for number in range(DRAWS):
        dims = {
            letter: random.choice([random.randint(1, 40), random.choice(LARGE), 8 * random.randint(1, 6)])
            for letter in model.letters
        }
        drawn = {name: rng.standard_normal(model.shape(name, dims)) for name in model.shapes}
        drawn = {name: np.where(rng.random(a.shape) < 0.1, 0.0, a) for name, a in drawn.items()}
        arrays = {name: np.asarray(a, FLOATS[number % len(FLOATS)]) for name, a in drawn.items()}
        where = f"{_at(dims)}, in {FLOATS[number % len(FLOATS)]},"
        replay = Replay(arrays, sigmoid)
        try:
            with np.errstate(all="ignore"):
                first, again = ({LOSS: model.loss(np, **arrays), **model.gradients(**arrays)} for _ in range(2))
                traced = {LOSS: replay.value(trace.loss)}
                traced |= {name: replay.value(trace.gradients[name]) for name in first if name != LOSS}
        except Exception as error:
            yield LOSS, f"{where} it raises {type(error).__name__}: {' '.join(str(error).split())}"
            return
        for name, value in first.items():
            if not _same(value, again[name]):
                yield name, f"{where} it answers differently when asked again"
            elif not _same(value, traced[name]):
                yield name, f"{where} it does not return what was traced"


def _same(a: Any, b: Any) -> bool:
    a, b = np.asarray(a), np.asarray(b)
    return a.dtype == b.dtype and np.array_equal(a, b, equal_nan=True)


def _floats(drawn: Mapping[str, Any]) -> dict[str, Any]:
    return {name: np.asarray(a, np.float64) for name, a in drawn.items()}


def _far(floats: Any, exact: Any) -> bool:
    """Is the error, in float64, more than half of the whole? Sums that cancel in one entry do not matter."""
    try:
        right = np.asarray(np.frompyfunc(float, 1, 1)(exact), np.float64)
    except OverflowError:  # no float64 at all
        return True
    with np.errstate(all="ignore"):
        error = np.abs(floats - right).max()
    return bool(np.abs(right).max() > 0 and not error <= np.abs(right).max() / 2)


def _at(dims: Mapping[str, int]) -> str:
    return f"at {', '.join(f'{letter} = {size}' for letter, size in dims.items())}"
