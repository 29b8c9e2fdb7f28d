"""Arrays of symbolic shape: an equation run on them is itself, in index notation, for every n, m and k.

A `Tensor` knows its sizes (SymPy expressions) and its entry at symbolic indices. Running the shipped
functions on tensors turns `dZ @ X.T` into sum_j dZ[p, j] X[q, j]; nothing is written down a second time.
It remembers how it was made, so that the same operations can be run by NumPy (`replay.py`), and what its
divisors and roots need (`conditions.py`). To everything else (a comparison, a truth value, a loop over it)
it has no answer, and its refusal is remembered (`refusals.py`).
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from itertools import zip_longest
from typing import Any, cast

import numpy as np
from sympy import Dummy, Expr, IndexedBase, Mul, Rational, Sum, Symbol

from backproof.proofs.refusals import Refusing, current_line, note, refuse
from backproof.proofs.symbols import DIMS, ONE, Condition, Shape, index

LARGEST = 2_000  # factors of an entry: the replay evaluates them all

Run = Callable[[Any], Any]  # of the replay, which gives the operands' values


def scalar(value: Expr) -> Tensor:
    """An array of shape () that is this expression."""
    return Tensor((), lambda: value)


class Tensor(Refusing):
    """An array of symbolic shape. `entry(*indices)` has one index per axis; on an axis of size 1 it is ignored."""

    def __init__(
        self,
        dims: Shape,
        entry: Callable[..., Expr],
        run: Run | None = None,
        conditions: frozenset[Condition] = frozenset(),
        is_number: bool = False,
        factors: int = 1,
    ) -> None:
        self.dims, self.entry, self.run, self.conditions = dims, entry, run, conditions
        self.is_number = is_number  # of Python, in the code: a literal, a size, and what arithmetic makes of them
        self.factors = factors  # that an entry is written with, powers written out
        if factors > LARGEST:
            refuse(f"multiplies out to more than {LARGEST} factors")

    @classmethod
    def named(cls, name: str, dims: Shape) -> Tensor:
        """The tensor whose entries are name[i, j]; axes of size 1 carry no index, and a scalar none at all."""
        base = IndexedBase(name)

        def entry(*indices: Expr) -> Expr:
            kept = [i for i, size in zip(indices, dims, strict=True) if size != 1]
            return base[tuple(kept)] if kept else Symbol(name)

        return cls(dims, entry, lambda replay: replay.arrays[name])

    @property
    def shape(self) -> tuple[Tensor, ...]:
        """The sizes, as arrays of shape (): they can be computed with, and that is all."""
        return tuple(
            _number(size, lambda replay, axis=axis: replay.number(replay.value(self).shape[axis]))  # type: ignore[misc]
            for axis, size in enumerate(self.dims)
        )

    @property
    def size(self) -> Tensor:
        return _number(Mul(*self.dims), lambda replay: replay.number(replay.value(self).size))

    @property
    def T(self) -> Tensor:  # noqa: N802 (as arrays call it)
        return Tensor(
            self.dims[::-1],
            lambda *indices: self.entry(*indices[::-1]),
            lambda replay: replay.value(self).T,
            self.conditions,
            self.is_number,
            self.factors,
        )

    def sum(self, axis: int | tuple[int, ...] | None = None, *, keepdims: bool = False) -> Tensor:
        axes = self._axes(axis, keepdims)
        kept = tuple(ONE if a in axes else s for a, s in enumerate(self.dims))
        dims = kept if keepdims else tuple(s for a, s in enumerate(self.dims) if a not in axes)

        def entry(*indices: Expr) -> Expr:
            rest = iter(indices)
            full = [None if a in axes and not keepdims else next(rest) for a in range(len(self.dims))]
            return _total(lambda *over: self.entry(*_filled(full, axes, over)), [self.dims[a] for a in sorted(axes)])

        def run(replay: Any) -> Any:
            return np.sum(replay.value(self), axis=axis, keepdims=keepdims)

        return Tensor(dims, entry, run, self.conditions, factors=self.factors)

    def mean(self, axis: int | tuple[int, ...] | None = None, *, keepdims: bool = False) -> Tensor:
        count = Mul(*(self.dims[a] for a in self._axes(axis, keepdims)))
        mean: Tensor = self.sum(axis, keepdims=keepdims) / count
        mean.run = lambda replay: np.mean(replay.value(self), axis=axis, keepdims=keepdims)
        return mean

    def _axes(self, axis: Any, keepdims: Any) -> set[int]:
        """The axes that a sum runs over, counted from the first."""
        listed = axis if type(axis) is tuple else range(len(self.dims)) if axis is None else (axis,)
        if type(keepdims) is not bool or any(type(a) is not int for a in listed):
            refuse("takes an axis that is not a number")
        return {range(len(self.dims))[a] for a in listed}

    def __matmul__(self, other: Any) -> Tensor:
        return _matmul(self, other)

    def __rmatmul__(self, other: Any) -> Tensor:
        return _matmul(other, self)

    def __add__(self, other: Any) -> Tensor:
        return _elementwise(operator.add, self, other)

    def __radd__(self, other: Any) -> Tensor:
        return _elementwise(operator.add, other, self)

    def __sub__(self, other: Any) -> Tensor:
        return _elementwise(operator.sub, self, other)

    def __rsub__(self, other: Any) -> Tensor:
        return _elementwise(operator.sub, other, self)

    def __mul__(self, other: Any) -> Tensor:
        return _elementwise(operator.mul, self, other)

    def __rmul__(self, other: Any) -> Tensor:
        return _elementwise(operator.mul, other, self)

    def __truediv__(self, other: Any) -> Tensor:
        return _elementwise(operator.truediv, self, other, needs("divisor", other))

    def __rtruediv__(self, other: Any) -> Tensor:
        return _elementwise(operator.truediv, other, self, needs("divisor", self))

    def __pow__(self, exponent: Any) -> Tensor:
        if isinstance(exponent, Tensor):
            refuse("raises to a power that is not a number")
        power = exact(exponent)
        conditions = needs("divisor", self) if power < 0 else frozenset()
        conditions |= frozenset() if power.is_integer else needs("root", self)
        return Tensor(
            self.dims,
            lambda *indices: self.entry(*indices) ** power,
            lambda replay: replay.value(self) ** replay.exponent(exponent),
            self.conditions | conditions,
            self.is_number,
            self.factors * max(1, int(abs(power))),
        )

    def __neg__(self) -> Tensor:
        return Tensor(
            self.dims,
            lambda *indices: -self.entry(*indices),
            lambda replay: -replay.value(self),
            self.conditions,
            self.is_number,
            self.factors,
        )

    def __pos__(self) -> Tensor:
        return self

    def __array_ufunc__(self, ufunc: Any, method: str, *operands: Any, **options: Any) -> Any:
        if method == "__call__" and not options and ufunc in UFUNCS:
            _with_an_array(ufunc, operands)
            return UFUNCS[ufunc](*operands)
        return refuse(f"calls np.{ufunc.__name__}")

    def __array_function__(self, function: Any, types: Any, operands: Any, options: Any) -> Any:
        if function in ARRAY_FUNCTIONS:
            _with_an_array(function, operands)
            return ARRAY_FUNCTIONS[function](*operands, **options)
        return refuse(f"calls np.{function.__name__}")


def _number(value: Expr, run: Run) -> Tensor:
    """A number of Python."""
    return Tensor((), lambda: value, run, is_number=True)


def _with_an_array(function: Any, operands: tuple[Any, ...]) -> None:
    """Refuse numbers alone: NumPy makes integers of 64 bits of them, which wrap around from some size on."""
    if all(not isinstance(each, Tensor) or each.is_number for each in operands):
        refuse(f"calls np.{function.__name__} of numbers alone")


def exact(value: Any) -> Expr:
    """A number of the code as a rational: a float literal means its binary value. Refuses what is not a finite one."""
    if isinstance(value, Expr):
        return value
    if type(value) not in (int, float) or value - value != 0:
        refuse(f"computes with {value if type(value) is float else type(value).__name__}")
    return Rational(*value.as_integer_ratio())


def lifted(value: Any) -> Tensor:
    """A tensor as it is, a number of the code as one of shape ()."""
    if isinstance(value, Tensor):
        return value
    number = exact(value)
    return _number(number, lambda replay: replay.number(value))


def needs(kind: str, value: Any) -> frozenset[Condition]:
    """The condition that `value` is no divisor of 0, or has a root."""
    tensor = lifted(value)
    letters = {DIMS["n"]: "q", DIMS["m"]: "r", DIMS["k"]: "p"}
    names = [letters.get(size, "u") for size in tensor.dims]
    at = [index(name + "'" * names[:axis].count(name)) for axis, name in enumerate(names)]
    condition = Condition(kind, tensor.entry(*at), current_line())
    if tensor.is_number:
        note(condition)
    return frozenset({condition})


def _filled(full: list[Expr | None], axes: set[int], over: tuple[Expr, ...]) -> list[Expr]:
    replaced = dict(zip(sorted(axes), over, strict=True))
    return [replaced.get(a, i) for a, i in enumerate(full)]


def _total(summand: Callable[..., Expr], sizes: list[Expr]) -> Expr:
    """The sum of summand(t, ...) for t = 1 .. size; a size of 1 needs no sum."""
    bound = [ONE if size == 1 else Dummy("t", integer=True, positive=True) for size in sizes]
    limits = [(t, 1, size) for t, size in zip(bound, sizes, strict=True) if size != 1]
    return Sum(summand(*bound), *limits) if limits else summand(*bound)


def _matmul(a: Any, b: Any) -> Tensor:
    a, b = lifted(a), lifted(b)
    if len(a.dims) != 2 or len(b.dims) != 2 or a.dims[1] != b.dims[0]:
        raise ValueError(f"matmul: shapes {a.dims} and {b.dims} do not fit (p, q) @ (q, r)")
    return Tensor(
        (a.dims[0], b.dims[1]),
        lambda i, j: _total(lambda t: a.entry(i, t) * b.entry(t, j), [a.dims[1]]),
        lambda replay: replay.value(a) @ replay.value(b),
        a.conditions | b.conditions,
        factors=a.factors + b.factors,
    )


def _elementwise(
    op: Callable[[Any, Any], Any], a: Any, b: Any, conditions: frozenset[Condition] = frozenset()
) -> Tensor:
    """`op` by NumPy's broadcasting rule: sizes are equal, or one of them is 1. ValueError otherwise."""
    a, b = lifted(a), lifted(b)
    pairs = list(zip_longest(a.dims[::-1], b.dims[::-1], fillvalue=ONE))[::-1]
    if any(p != q and ONE not in (p, q) for p, q in pairs):
        raise ValueError(f"shapes {a.dims} and {b.dims} do not broadcast for every n, m, k")

    def entry(*indices: Expr) -> Expr:
        return op(*(x.entry(*indices[len(indices) - len(x.dims) :]) for x in (a, b)))

    return Tensor(
        tuple(q if p == 1 else p for p, q in pairs),
        entry,
        lambda replay: op(replay.value(a), replay.value(b)),
        a.conditions | b.conditions | conditions,
        a.is_number and b.is_number,
        a.factors + b.factors,
    )


UFUNCS: dict[Any, Callable[..., Tensor]] = {
    np.add: operator.add,
    np.subtract: operator.sub,
    np.multiply: operator.mul,
    np.divide: operator.truediv,
    np.matmul: operator.matmul,
    np.negative: operator.neg,
    np.square: lambda x: x**2,
}
ARRAY_FUNCTIONS: dict[Any, Callable[..., Tensor]] = {
    np.sum: Tensor.sum,
    np.mean: Tensor.mean,
    np.transpose: lambda x: cast(Tensor, x.T),
}
FUNCTIONS = {each.__name__ for each in (*UFUNCS, *ARRAY_FUNCTIONS)}
