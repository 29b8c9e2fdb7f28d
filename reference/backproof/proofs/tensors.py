"""Arrays of symbolic shape: an equation run on them is itself, in index notation, for every n, m and k.

A `Tensor` knows its shape (SymPy expressions) and its entry at symbolic indices. Running the shipped
functions on tensors turns `dZ @ X.T` into sum_j dZ[p, j] X[q, j]; nothing is written down a second time.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import zip_longest
from typing import Any

from sympy import Dummy, Expr, Function, IndexedBase, Integer, Sum, Symbol, prod, sympify

from backproof.models.model import Model

Shape = tuple[Expr, ...]

DIMS = {letter: Symbol(letter, integer=True, positive=True) for letter in "nmk"}
ONE = Integer(1)


class sigma(Function):  # type: ignore[misc]  # noqa: N801 (as SymPy names its functions)
    """An undefined function of which one thing is known: sigma' = sigma (1 - sigma)."""

    def fdiff(self, argindex: int = 1) -> Expr:
        return self * (1 - self)


def index(name: str) -> Symbol:
    """A free index; two of them may be equal or not."""
    return Symbol(name, integer=True, positive=True)


class Tensor:
    """An array of symbolic shape. `entry(*indices)` has one index per axis; on an axis of size 1 it is ignored."""

    __array_ufunc__ = None  # NumPy values on the left leave the operation to us

    def __init__(self, shape: Shape, entry: Callable[..., Expr]) -> None:
        self.shape, self.entry = shape, entry

    @classmethod
    def named(cls, name: str, shape: Shape) -> Tensor:
        """The tensor whose entries are name[i, j]; axes of size 1 carry no index, and a scalar none at all."""
        base = IndexedBase(name)

        def entry(*indices: Expr) -> Expr:
            kept = [i for i, size in zip(indices, shape, strict=True) if size != 1]
            return base[tuple(kept)] if kept else Symbol(name)

        return cls(shape, entry)

    @property
    def T(self) -> Tensor:  # noqa: N802 (as arrays call it)
        return Tensor(self.shape[::-1], lambda *indices: self.entry(*indices[::-1]))

    def sum(self, axis: int | None = None, keepdims: bool = False) -> Tensor:
        ndim = len(self.shape)
        axes = set(range(ndim)) if axis is None else {range(ndim)[axis]}
        kept = tuple(ONE if a in axes else s for a, s in enumerate(self.shape))
        shape = kept if keepdims else tuple(s for a, s in enumerate(self.shape) if a not in axes)

        def entry(*indices: Expr) -> Expr:
            rest = iter(indices)
            full = [None if a in axes and not keepdims else next(rest) for a in range(ndim)]
            return _total(lambda *over: self.entry(*_filled(full, axes, over)), [self.shape[a] for a in sorted(axes)])

        return Tensor(shape, entry)

    def __matmul__(self, other: Tensor) -> Tensor:
        if len(self.shape) != 2 or len(other.shape) != 2 or self.shape[1] != other.shape[0]:
            raise ValueError(f"matmul: shapes {self.shape} and {other.shape} do not fit (p, q) @ (q, r)")
        return Tensor(
            (self.shape[0], other.shape[1]),
            lambda i, j: _total(lambda t: self.entry(i, t) * other.entry(t, j), [self.shape[1]]),
        )

    def __add__(self, other: Any) -> Tensor:
        return _elementwise(lambda a, b: a + b, self, other)

    def __sub__(self, other: Any) -> Tensor:
        return _elementwise(lambda a, b: a - b, self, other)

    def __rsub__(self, other: Any) -> Tensor:
        return _elementwise(lambda a, b: b - a, self, other)

    def __mul__(self, other: Any) -> Tensor:
        return _elementwise(lambda a, b: a * b, self, other)

    def __truediv__(self, other: Any) -> Tensor:
        return _elementwise(lambda a, b: a / b, self, other)

    def __pow__(self, exponent: int) -> Tensor:
        return _elementwise(lambda a, b: a**b, self, exponent)

    def __neg__(self) -> Tensor:
        return self * -1

    __radd__, __rmul__ = __add__, __mul__


def _filled(full: list[Expr | None], axes: set[int], over: tuple[Expr, ...]) -> list[Expr]:
    replaced = dict(zip(sorted(axes), over, strict=True))
    return [replaced.get(a, i) for a, i in enumerate(full)]


def _total(summand: Callable[..., Expr], sizes: list[Expr]) -> Expr:
    """The sum of summand(t, ...) for t = 1 .. size; a size of 1 needs no sum."""
    bound = [ONE if size == 1 else Dummy("t", integer=True, positive=True) for size in sizes]
    limits = [(t, 1, size) for t, size in zip(bound, sizes, strict=True) if size != 1]
    return Sum(summand(*bound), *limits) if limits else summand(*bound)


def _elementwise(op: Callable[[Expr, Expr], Expr], a: Tensor, b: Any) -> Tensor:
    """`op` by NumPy's broadcasting rule: sizes are equal, or one of them is 1. ValueError otherwise."""
    if not isinstance(b, Tensor):
        value = sympify(b)
        b = Tensor((), lambda: value)
    pairs = list(zip_longest(a.shape[::-1], b.shape[::-1], fillvalue=ONE))[::-1]
    if any(p != q and ONE not in (p, q) for p, q in pairs):
        raise ValueError(f"shapes {a.shape} and {b.shape} do not broadcast for every n, m, k")
    shape = tuple(q if p == 1 else p for p, q in pairs)

    def entry(*indices: Expr) -> Expr:
        return op(*(x.entry(*indices[len(indices) - len(x.shape) :]) for x in (a, b)))

    return Tensor(shape, entry)


class Namespace:
    """What the losses take from their array namespace `xp`."""

    @staticmethod
    def mean(x: Tensor) -> Tensor:
        total: Tensor = x.sum() / prod(x.shape)
        return total

    @staticmethod
    def sigmoid(x: Tensor) -> Tensor:
        return Tensor(x.shape, lambda *indices: sigma(x.entry(*indices)))


def shape_of(model: Model, name: str, dims: Mapping[str, Any] = DIMS) -> Shape:
    """The shape of array `name` of the model, in n, m, k."""
    return tuple(Integer(axis) if axis.isdigit() else dims[axis] for axis in model.shapes[name].split())


def inputs(model: Model) -> dict[str, Tensor]:
    """Every array of the model as a tensor of its own entries."""
    return {name: Tensor.named(name, shape_of(model, name)) for name in model.shapes}
