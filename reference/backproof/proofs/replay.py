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
from sympy import Add, Expr, Indexed, Mul, Pow, Rational, Sum

from backproof.models import sigmoid
from backproof.models.model import Model
from backproof.proofs.links import Link
from backproof.proofs.numbers import BITS, Replay, arithmetic, converted, distinct_shapes, draw
from backproof.proofs.rationals import Unfit, attempt, exact_value
from backproof.proofs.symbols import DIMS, index, sigma
from backproof.proofs.tensors import Tensor
from backproof.proofs.trace import Trace
from backproof.truth.balls import precision

FLOATS = ("float64", "float32", "float16", "longdouble")
LARGE = (64, 100, 128)
DRAWS = 8
LOSS = "the loss"


def replayed(trace: Trace, seed: int = 0) -> dict[str, Link]:
    """Link 2, of every gradient: why it does not hold, or that it does."""
    faults: dict[str, str] = {}
    random = Random(seed)
    for fault in (_exact_faults(trace, random), _rounding_faults(trace, random), _float_faults(trace, random)):
        for name, text in fault:
            faults.setdefault(name, text)
    general = faults.get(LOSS, "")
    return {name: Link(not (found := faults.get(name, general)), found) for name in trace.model.params}


def _exact_faults(trace: Trace, random: Random) -> Iterator[tuple[str, str]]:
    """Where the operations on exact numbers are not what the index forms say."""
    model, kind = trace.model, arithmetic(trace)
    uncompared = dict(_tensors(trace))
    for dims in [*distinct_shapes(model), {letter: random.randint(1, 5) for letter in model.letters}]:
        drawn = draw(model, dims, random)
        arrays = converted(drawn, kind.number)
        replay, written = Replay(arrays, kind.sigmoid, kind.number), WrittenOut(model, dims, arrays, kind)
        for name, tensor in _tensors(trace):
            try:
                with precision(BITS):
                    said = attempt(written.array, tensor)
                    value = exact_value(replay, tensor, said.shape)
                    compared = {kind.compare(value[i], said[i]) for i in np.ndindex(said.shape)}
            except Unfit:  # a division by 0, which is a condition of its own
                continue
            if "different" in compared:
                yield name, f"{_at(dims)} the code does not return what the index form says"
            if compared == {"equal"}:
                uncompared.pop(name, None)
    for name in uncompared:
        yield name, "at no numbers tried can it be compared with the index form"


def _rounding_faults(trace: Trace, random: Random) -> Iterator[tuple[str, str]]:
    """Where the functions in float64 come nowhere near the exact value, at small sizes and with each size large."""
    model, kind = trace.model, arithmetic(trace)
    large = ({**dict.fromkeys(model.letters, 2), letter: max(LARGE)} for letter in model.letters)
    for dims in [*distinct_shapes(model), *large]:
        drawn = draw(model, dims, random)
        replay = Replay(converted(drawn, kind.number), kind.sigmoid, kind.number)
        for name, tensor in _tensors(trace):
            if name == LOSS:
                continue
            try:
                floats = attempt(model.gradients, **_floats(drawn))[name]
            except Unfit as fault:
                yield LOSS, f"{_at(dims)} {fault}"
                continue
            try:
                with precision(BITS):
                    value = exact_value(replay, tensor, np.shape(floats))
            except Unfit:
                continue
            if _far(floats, value):
                yield name, f"{_at(dims)} more than half of it is lost to rounding in float64"


def _tensors(trace: Trace) -> Iterator[tuple[str, Tensor]]:
    yield LOSS, trace.loss
    for name in trace.model.params:
        if isinstance(tensor := trace.gradients.get(name), Tensor):
            yield name, tensor


class WrittenOut:
    """Index forms at actual sizes and numbers."""

    def __init__(self, model: Model, dims: Mapping[str, int], arrays: Mapping[str, Any], kind: Any) -> None:
        self.shapes, self.arrays, self.kind = model.shapes, arrays, kind
        self.known = {DIMS[letter]: size for letter, size in dims.items()}  # sizes, and the indices of this moment

    def array(self, tensor: Tensor) -> Any:
        """All entries of a tensor."""
        free = [index(f"at{axis}") for axis in range(len(tensor.dims))]
        form = tensor.entry(*free)
        written = np.empty([int(size.xreplace(self.known)) for size in tensor.dims], object)
        for position in np.ndindex(written.shape):
            self.known |= dict(zip(free, (i + 1 for i in position), strict=True))
            written[position] = self.value(form)
        return written

    def value(self, e: Expr) -> Any:
        """The number that `e` is; its free symbols are known, or scalars of the model."""
        if isinstance(e, Rational):
            return self.kind.number(Fraction(int(e.p), int(e.q)))
        if isinstance(e, Indexed):
            return self._entry(str(e.base), [self.known[i] if i in self.known else int(i) for i in e.indices])
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
        return self.kind.number(Fraction(self.known[e])) if e in self.known else self._entry(str(e), [])

    def _sum(self, function: Expr, limits: list[Any]) -> Any:
        if not limits:
            return self.value(function)
        *rest, (bound, _, size) = limits
        total = self.kind.number(Fraction(0))
        for i in range(1, self.known[size] + 1):
            self.known[bound] = i
            total = total + self._sum(function, rest)
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
                traced = {name: replay.value(tensor) for name, tensor in _tensors(trace)}
        except Exception as error:
            yield LOSS, f"{where} it raises {type(error).__name__}: {' '.join(str(error).split())}"
            return
        for name, value in traced.items():
            if not _same(first[name], again[name]):
                yield name, f"{where} it answers differently when asked again"
            elif not _same(first[name], value):
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
