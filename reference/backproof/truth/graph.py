"""The traced graph: a loss run once on `Node`s leaves every operation behind as a node.

A node is an operation, its arguments, its attributes and its shape; it holds no value. Broadcasting is
made explicit (`broadcast` nodes), so every rule on a node sees operands of one shape. What a node is
worth, in balls, in series or as a rounding error, is said by an arithmetic: a class with one method per
operation (`Exact`, `RoundingErrors`), and `evaluate` sweeps the graph with it.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from backproof.errors import InputError

Shape = tuple[int, ...]
_serial = itertools.count()


class Node:
    """One operation of the graph; arithmetic on nodes makes nodes, as arithmetic on arrays makes arrays."""

    __slots__ = ("args", "attributes", "op", "serial", "shape")
    __array_ufunc__ = None  # NumPy arrays on the left leave the operation to us

    def __init__(self, op: str, args: tuple[Node, ...], shape: Shape, **attributes: Any) -> None:
        self.op, self.args, self.shape, self.attributes = op, args, shape, attributes
        self.serial = next(_serial)  # arguments come before what is made of them

    def __repr__(self) -> str:
        return f"<{self.op} {self.shape}>"

    def __bool__(self) -> bool:
        raise InputError("the loss takes a branch on a value (`if`, `while`, `and`); write it with xp.where")

    def __len__(self) -> int:
        return self.shape[0]

    @property
    def ndim(self) -> int:
        return len(self.shape)

    @property
    def size(self) -> int:
        return math.prod(self.shape)

    @property
    def T(self) -> Node:  # noqa: N802 (as arrays call it)
        return transpose(self)

    @property
    def mT(self) -> Node:  # noqa: N802
        return transpose(self, (*range(self.ndim - 2), self.ndim - 1, self.ndim - 2))

    def sum(self, axis: int | Sequence[int] | None = None, keepdims: bool = False) -> Node:
        return total(self, axis, keepdims)

    def mean(self, axis: int | Sequence[int] | None = None, keepdims: bool = False) -> Node:
        return mean(self, axis, keepdims)

    def reshape(self, *shape: Any) -> Node:
        return reshape(self, shape[0] if len(shape) == 1 and not isinstance(shape[0], int) else shape)

    def __add__(self, other: Any) -> Node:
        return binary("add", self, other)

    def __radd__(self, other: Any) -> Node:
        return binary("add", other, self)

    def __sub__(self, other: Any) -> Node:
        return binary("subtract", self, other)

    def __rsub__(self, other: Any) -> Node:
        return binary("subtract", other, self)

    def __mul__(self, other: Any) -> Node:
        return binary("multiply", self, other)

    def __rmul__(self, other: Any) -> Node:
        return binary("multiply", other, self)

    def __truediv__(self, other: Any) -> Node:
        return binary("divide", self, other)

    def __rtruediv__(self, other: Any) -> Node:
        return binary("divide", other, self)

    def __matmul__(self, other: Any) -> Node:
        return matmul(self, other)

    def __rmatmul__(self, other: Any) -> Node:
        return matmul(other, self)

    def __pow__(self, exponent: Any) -> Node:
        return power(self, exponent)

    def __neg__(self) -> Node:
        return unary("negative", self)

    def __pos__(self) -> Node:
        return self


def as_node(value: Any) -> Node:
    """`value` itself, or a number or NumPy array as a constant (exactly the binary value it has)."""
    if isinstance(value, Node):
        return value
    array = np.asarray(value)
    if array.dtype.kind not in "biuf":
        raise InputError(f"the loss mixes a {type(value).__name__} into its arithmetic; use numbers and arrays")
    return Node("constant", (), array.shape, value=array)


def unary(op: str, x: Any) -> Node:
    x = as_node(x)
    return Node(op, (x,), x.shape)


def binary(op: str, a: Any, b: Any) -> Node:
    a, b = as_node(a), as_node(b)
    try:
        shape = np.broadcast_shapes(a.shape, b.shape)
    except ValueError:
        raise InputError(f"{op}: shapes {a.shape} and {b.shape} do not broadcast") from None
    return Node(op, (broadcast(a, shape), broadcast(b, shape)), shape)


def power(x: Any, exponent: Any) -> Node:
    """x ** exponent for a whole number exponent >= 0; `x * x * ...` and `1 / x` cover the rest."""
    if isinstance(exponent, float) and exponent.is_integer():
        exponent = int(exponent)
    if not isinstance(exponent, int) or exponent < 0:
        raise InputError(f"power: the exponent is {exponent!r}; whole numbers >= 0 are supported")
    node = as_node(x)
    return node if exponent == 1 else Node("power", (node,), node.shape, exponent=exponent)


def matmul(a: Any, b: Any) -> Node:
    """a @ b of matrices, shapes (p, q) and (q, r)."""
    a, b = as_node(a), as_node(b)
    if a.ndim != 2 or b.ndim != 2 or a.shape[1] != b.shape[0]:
        raise InputError(f"matmul: shapes {a.shape} and {b.shape} do not fit (p, q) @ (q, r)")
    return Node("matmul", (a, b), (a.shape[0], b.shape[1]))


def transpose(x: Any, axes: Sequence[int] | None = None) -> Node:
    x = as_node(x)
    axes = tuple(reversed(range(x.ndim))) if axes is None else tuple(axes)
    return Node("transpose", (x,), tuple(x.shape[axis] for axis in axes), axes=axes)


def broadcast(x: Any, shape: Shape) -> Node:
    x = as_node(x)
    return x if x.shape == shape else Node("broadcast", (x,), shape)


def reshape(x: Any, shape: Sequence[int]) -> Node:
    x = as_node(x)
    try:
        new = np.empty(x.shape, np.bool_).reshape(tuple(shape)).shape  # resolves a -1
    except ValueError:
        raise InputError(f"reshape: {x.shape} does not fit into {tuple(shape)}") from None
    return x if new == x.shape else Node("reshape", (x,), new)


def total(x: Any, axis: int | Sequence[int] | None = None, keepdims: bool = False) -> Node:
    """The sum over `axis` (all axes if None)."""
    x = as_node(x)
    axes = tuple(range(x.ndim)) if axis is None else (axis,) if isinstance(axis, int) else tuple(axis)
    axes = tuple(a % x.ndim for a in axes)
    summed = Node("sum", (x,), tuple(s for a, s in enumerate(x.shape) if a not in axes), axes=axes)
    kept = tuple(1 if a in axes else s for a, s in enumerate(x.shape))
    return reshape(summed, kept) if keepdims else summed


def mean(x: Any, axis: int | Sequence[int] | None = None, keepdims: bool = False) -> Node:
    node = as_node(x)
    summed = total(node, axis, keepdims)
    return summed / (node.size // max(summed.size, 1))


def reachable(roots: Iterable[Node]) -> list[Node]:
    """Every node the roots are made of, arguments first."""
    found: set[Node] = set()
    pending = list(roots)
    while pending:
        node = pending.pop()
        if node not in found:
            found.add(node)
            pending.extend(node.args)
    return sorted(found, key=lambda node: node.serial)


def evaluate(roots: Iterable[Node], arithmetic: Any) -> dict[Node, Any]:
    """Sweep the graph: the value of every reachable node, by `arithmetic`'s method for its operation."""
    values: dict[Node, Any] = {}
    for node in reachable(roots):
        values[node] = getattr(arithmetic, node.op)(node, *(values[arg] for arg in node.args))
    return values
