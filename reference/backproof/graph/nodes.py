"""The traced graph: a loss run once on `Node`s leaves every operation behind as a node.

A node is an operation, its arguments, its attributes and its shape; it holds no value. Broadcasting is
made explicit (`broadcast` nodes), so every rule on a node sees operands of one shape. What a node is
worth, in balls, in series or as a rounding error, is said by an arithmetic: a class with one method per
operation (`Exact`, `RoundingErrors`), and `traversal.evaluate` sweeps the graph with it.

Here are nodes and the operations that their operators make; `choices` and `moves` have those that only a namespace has.
A comparison is the sign of a difference, 1 or 0, so that the rounding analysis knows how far from flipping it is.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from backproof.core.errors import InputError
from backproof.graph.source_spans import span

Shape = tuple[int, ...]
Operator = Callable[["Node", Any], "Node"]
FOREIGN = "a NumPy function is applied to a traced array; use the namespace's own, as in xp.exp"
_serial = itertools.count()


def _operators(operation: Callable[[Any, Any], Node]) -> tuple[Operator, Operator]:
    """An operation as an operator, and as that of the operand on the right."""
    return operation, lambda right, left: operation(left, right)


class Node:
    """One operation of the graph; arithmetic on nodes makes nodes, as arithmetic on arrays makes arrays."""

    __slots__ = ("args", "attributes", "op", "serial", "shape", "span")
    __array_ufunc__ = None  # NumPy arrays on the left leave the operation to us

    def __init__(self, op: str, args: tuple[Node, ...], shape: Shape, **attributes: Any) -> None:
        self.op, self.args, self.shape, self.attributes = op, args, shape, attributes
        self.serial = next(_serial)  # arguments come before what is made of them
        self.span = span()  # the expression, in the file being traced, that made it

    def __repr__(self) -> str:
        return f"<{self.op} {self.shape}>"

    def __bool__(self) -> bool:
        raise InputError("the loss takes a branch on a value (`if`, `while`, `and`); write it with xp.where")

    def __float__(self) -> float:
        raise InputError("the loss turns a traced value into a number (float(), math.exp, ...); use xp's functions")

    __int__ = __index__ = __float__

    def __len__(self) -> int:
        return self.shape[0]

    def __iter__(self) -> Iterator[Node]:
        if not self.shape:
            raise InputError("the loss iterates over a scalar")
        return (self[i] for i in range(self.shape[0]))

    def __setitem__(self, index: Any, value: Any) -> None:
        raise InputError("the loss assigns to a part of an array; make another with xp.where or xp.concat")

    def __getitem__(self, index: Any) -> Node:
        return take(self, index)

    @property
    def line(self) -> int | None:
        """The line of the file being traced that made it."""
        return self.span[0] if self.span else None

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

    def transpose(self, *axes: Any) -> Node:
        return transpose(self, (axes[0] if len(axes) == 1 and not isinstance(axes[0], int) else axes) or None)

    __add__, __radd__ = _operators(lambda a, b: binary("add", a, b))
    __sub__, __rsub__ = _operators(lambda a, b: binary("subtract", a, b))
    __mul__, __rmul__ = _operators(lambda a, b: binary("multiply", a, b))
    __truediv__, __rtruediv__ = _operators(lambda a, b: binary("divide", a, b))
    __matmul__, __rmatmul__ = _operators(lambda a, b: matmul(a, b))
    __pow__, __rpow__ = _operators(lambda a, b: power(a, b))
    __gt__, __lt__ = _operators(lambda a, b: compare(">", a, b))
    __ge__, __le__ = _operators(lambda a, b: compare(">=", a, b))
    __eq__ = _operators(lambda a, b: compare("==", a, b))[0]  # type: ignore[assignment]
    __ne__ = _operators(lambda a, b: compare("!=", a, b))[0]  # type: ignore[assignment]
    __and__, __rand__ = _operators(lambda a, b: binary("multiply", a, b))  # conditions are 1 and 0
    __or__, __ror__ = _operators(lambda a, b: ~(~as_node(a) & ~as_node(b)))

    def __neg__(self) -> Node:
        return unary("negative", self)

    def __abs__(self) -> Node:
        return unary("abs", self)

    def __invert__(self) -> Node:
        return 1 - self

    __hash__ = object.__hash__  # a node is itself in sets and dicts, whatever == means in a loss

    def __pos__(self) -> Node:
        return self


def as_node(value: Any) -> Node:
    """`value` itself, or a number or NumPy array as a constant (exactly the binary value it has)."""
    if isinstance(value, Node):
        return value
    array = np.asarray(value)
    if array.dtype.kind not in "biuf":
        if any(isinstance(part, Node) for part in array.flat):
            raise InputError(FOREIGN)
        raise InputError(f"the loss mixes a {type(value).__name__} into its arithmetic; use numbers and arrays")
    return Node("constant", (), array.shape, value=array)


def unary(op: str, x: Any) -> Node:
    """The operation `op` on every component of x."""
    x = as_node(x)
    return Node(op, (x,), x.shape)


def binary(op: str, a: Any, b: Any) -> Node:
    """The operation `op` on the components of a and b, broadcast. Raises InputError where they do not."""
    a, b = as_node(a), as_node(b)
    try:
        shape = np.broadcast_shapes(a.shape, b.shape)
    except ValueError:
        raise InputError(f"{op}: shapes {a.shape} and {b.shape} do not broadcast") from None
    return Node(op, (broadcast(a, shape), broadcast(b, shape)), shape)


def compare(relation: str, a: Any, b: Any) -> Node:
    """1 where the relation holds, 0 elsewhere."""
    if relation in ("<", "<="):
        return compare({"<": ">", "<=": ">="}[relation], b, a)
    difference = binary("subtract", a, b)
    if relation == "!=":
        return 1 - unary("zero", difference)
    return unary({">": "positive", ">=": "nonnegative", "==": "zero"}[relation], difference)


def power(x: Any, exponent: Any) -> Node:
    """x ** exponent, elementwise: a number that is the exponent stays one, so that whole powers need no logarithm."""
    if isinstance(exponent, Node):
        return unary("exp", exponent * unary("log", x))
    if isinstance(exponent, np.generic) or (isinstance(exponent, np.ndarray) and exponent.shape == ()):
        exponent = exponent.item()
    if not isinstance(exponent, int | float) or not math.isfinite(exponent):
        raise InputError(f"power: the exponent is {exponent!r}; a finite number or a traced array is supported")
    if float(exponent).is_integer():
        exponent = int(exponent)
    node = as_node(x)
    return node if exponent == 1 else Node("power", (node,), node.shape, exponent=exponent)


def matmul(a: Any, b: Any) -> Node:
    """a @ b of shapes (..., p, q) and (..., q, r); a vector counts as a row on the left, a column on the right."""
    a, b = as_node(a), as_node(b)
    left, right = a.ndim == 1, b.ndim == 1
    a = reshape(a, (1, *a.shape)) if left else a
    b = reshape(b, (*b.shape, 1)) if right else b
    try:
        if a.ndim < 2 or b.ndim < 2 or a.shape[-1] != b.shape[-2]:
            raise ValueError
        batch = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    except ValueError:
        raise InputError(f"matmul: shapes {a.shape} and {b.shape} do not fit (..., p, q) @ (..., q, r)") from None
    a, b = broadcast(a, batch + a.shape[-2:]), broadcast(b, batch + b.shape[-2:])
    product = Node("matmul", (a, b), (*batch, a.shape[-2], b.shape[-1]))
    kept = batch + (() if left else (a.shape[-2],)) + (() if right else (b.shape[-1],))
    return reshape(product, kept) if left or right else product


def transpose(x: Any, axes: Sequence[int] | None = None) -> Node:
    """x with its axes in this order (reversed if None). Raises InputError where they are not x's axes."""
    x = as_node(x)
    axes = tuple(reversed(range(x.ndim))) if axes is None else tuple(axes)
    if sorted(a % max(x.ndim, 1) for a in axes) != list(range(x.ndim)):
        raise InputError(f"transpose: axes {axes} of an array of shape {x.shape}")
    axes = tuple(a % x.ndim for a in axes)
    return Node("transpose", (x,), tuple(x.shape[axis] for axis in axes), axes=axes)


def broadcast(x: Any, shape: Sequence[int]) -> Node:
    """x repeated to `shape`, by NumPy's rules. Raises InputError where it does not broadcast to it."""
    x, shape = as_node(x), tuple(shape)
    try:
        fits = np.broadcast_shapes(x.shape, shape) == shape
    except ValueError:
        fits = False
    if not fits:
        raise InputError(f"broadcast: {x.shape} does not broadcast to {shape}")
    return x if x.shape == shape else Node("broadcast", (x,), shape)


def reshape(x: Any, shape: Sequence[int]) -> Node:
    """x's components, in C order, in `shape` (one size may be -1). Raises InputError where they do not fit."""
    x = as_node(x)
    try:
        new = np.empty(x.shape, np.bool_).reshape(tuple(shape)).shape  # resolves a -1
    except ValueError:
        raise InputError(f"reshape: {x.shape} does not fit into {tuple(shape)}") from None
    return x if new == x.shape else Node("reshape", (x,), new)


def take(x: Node, index: Any) -> Node:
    """x[index] for whatever index NumPy knows: integers, slices, None, ..., integer and boolean arrays."""
    parts = index if isinstance(index, tuple) else (index,)
    if any(isinstance(part, Node) for part in parts):
        raise InputError("the loss indexes by a traced value; multiply by a one-hot array, or use xp.where")
    try:
        positions = np.arange(x.size).reshape(x.shape)[index]
    except IndexError as error:
        raise InputError(f"indexing shape {x.shape}: {error}") from None
    return Node("take", (x,), np.shape(positions), positions=np.asarray(positions))


def axes_of(x: Node, axis: int | Sequence[int] | None) -> tuple[int, ...]:
    """`axis` as an ascending tuple of axes >= 0 (all of them if None). Raises InputError for one that x lacks."""
    axes = tuple(range(x.ndim)) if axis is None else (axis,) if isinstance(axis, int) else tuple(axis)
    if any(not -x.ndim <= a < x.ndim for a in axes):
        raise InputError(f"axis {axis} of an array of shape {x.shape}")
    return tuple(sorted({a % x.ndim for a in axes}))


def terms(x: Node, axes: Sequence[int]) -> int:
    """How many values of x a reduction over `axes` makes one of."""
    return math.prod(x.shape[a] for a in axes)


def counted(x: Node, axes: Sequence[int]) -> str:
    """How many values `terms` counts, in words."""
    count, along = terms(x, axes), f" along axis {', '.join(map(str, axes))}" if axes else ""
    return f"an array of shape {x.shape} has {count or 'no'} value{'s' * (count != 1)}{along}"


def total(x: Any, axis: int | Sequence[int] | None = None, keepdims: bool = False) -> Node:
    """The sum over `axis` (all axes if None)."""
    x = as_node(x)
    axes = axes_of(x, axis)
    summed = Node("sum", (x,), tuple(s for a, s in enumerate(x.shape) if a not in axes), axes=axes)
    kept = tuple(1 if a in axes else s for a, s in enumerate(x.shape))
    return reshape(summed, kept) if keepdims else summed


def mean(x: Any, axis: int | Sequence[int] | None = None, keepdims: bool = False) -> Node:
    """The mean over `axis` (all axes if None): the sum over the number of its terms. InputError for a mean of none."""
    node = as_node(x)
    axes = axes_of(node, axis)
    summed, count = total(node, axis, keepdims), terms(node, axes)
    if not count and summed.size:
        raise InputError(f"mean: {counted(node, axes)}")
    return summed / count
