"""Every operation that a loss may use, at sizes 0 and 1: expressions of the namespace `xp`, and shapes of operands.

`OPERATIONS` has an entry for each name that `Namespace` and `Node` offer; an expression is the same of nodes and of
NumPy arrays.
"""

import itertools

import numpy as np

from backproof.graph.functions import FUNCTIONS
from backproof.graph.namespace import Namespace
from backproof.graph.nodes import Node

SHAPES = ((), (0,), (1,), (2, 0), (0, 2), (0, 0), (1, 2), (0, 1, 2))
PAIRS = (
    *(((), (0,)), ((0,), (0,)), ((1,), (0,)), ((0,), (1,)), ((0, 1), (1,)), ((2, 0), (1, 0)), ((0, 2), (2,))),
    *(((), ()), ((), (1,)), ((1,), (1,)), ((1, 1), (2,)), ((1, 2), (2, 1)), ((1, 0), (2, 1))),
)
PRODUCTS = (
    *(((0,), (0,)), ((0,), (0, 2)), ((2, 0), (0,)), ((2, 0), (0, 3)), ((0, 2), (2, 3)), ((2, 3), (3, 0))),
    *(((0, 0), (0, 0)), ((0, 2, 3), (3, 1)), ((2, 1, 0), (0, 1)), ((1, 0, 2), (3, 2, 0)), ((2, 0), (3, 0, 1))),
    *(((1,), (1,)), ((1, 1), (1, 1)), ((1, 2), (2,)), ((2,), (2, 1)), ((1, 1, 2), (2, 2, 1))),
)
# Names that make no operation: what a node is, and what it refuses.
NO_OPERATIONS = {
    *("__module__", "__doc__", "__slots__", "__init__", "__repr__", "__hash__", "__array_ufunc__"),
    *("__bool__", "__float__", "__int__", "__index__", "__setitem__"),
    *("args", "attributes", "op", "serial", "shape", "span", "line", "ndim", "size"),
}


def offered():
    """The names of the namespace and of nodes, as `xp.name` and `node.name`."""
    functions = {f"xp.{name}" for name in (*vars(Namespace), *FUNCTIONS) if not name.startswith("_")}
    return functions | {f"node.{name}" for name in vars(Node) if name not in NO_OPERATIONS}


def _unary(function):
    return [(function, (shape,)) for shape in SHAPES]


def _binary(function):
    return [(function, shapes) for shapes in PAIRS]


def _called(name, *arguments, **named):
    return lambda xp, *operands: getattr(xp, name)(*operands, *arguments, **named)


def _axes(shape):
    return [None, *range(-1, len(shape)), *([()] if shape else []), *([tuple(range(len(shape)))] if shape else [])]


def _reduced(name, **named):
    """Over every axis that a shape has, and over some and all of them, with the axis kept and without."""
    return [
        (_called(name, axis=axis, keepdims=keepdims, **named), (shape,))
        for shape in SHAPES
        for axis in _axes(shape)
        for keepdims in (False, True)
        if shape or axis is None
    ]


def _method(name):
    return [
        (lambda xp, x, axis=axis, keepdims=keepdims: getattr(x, name)(axis=axis, keepdims=keepdims), (shape,))
        for shape, axis, keepdims in itertools.product(SHAPES, (None, 0, -1), (False, True))
        if shape or axis is None
    ]


def _joined(name):
    lists = (((0,), (2,)), ((0,), (0,)), ((1,),), ((1, 2), (0, 2)), ((2, 0), (2, 1)), ((0, 2), (0, 2)), ((), ()), ())
    return [
        (lambda xp, *parts, axis=axis: getattr(xp, name)(list(parts), axis=axis), shapes)
        for shapes, axis in itertools.product(lists, (0, 1, -1))
    ] + [
        (lambda xp, x: getattr(xp, name)([x[:0], x[1:1]]), ((2,),)),
        (lambda xp, x: getattr(xp, name)([row * 2 for row in x[:1]]), ((2, 1),)),
        (lambda xp, x: getattr(xp, name)([row * 2 for row in x[2:]]), ((2, 1),)),
    ]


def _made(function):
    """Arrays of constants, beside an operand that they are multiplied by."""
    return [(lambda xp, x: x * function(xp), (shape,)) for shape in ((), (1,))]


INDICES = {
    "nothing": slice(0, 0),
    "beyond": slice(5, None),
    "the last": slice(-1, None),
    "an empty middle": slice(1, 1),
    "every other": slice(None, None, 2),
    "backwards": slice(None, None, -1),
    "no positions": [],
    "an array of no positions": np.zeros((0, 2), int),
    "a mask of none": np.zeros(2, bool),
    "a mask of one": np.array([False, True]),
    "one": 1,
    "repeated": [0, 0, 1],
    "a new axis": None,
    "everything": ...,
    "columns": (..., slice(0, 0)),
}
ELEMENTWISE = ("negative", "exp", "log", "sqrt", "tanh", "sigmoid", "log1p", "expm1", "abs", "square", "reciprocal")
OF_TWO = ("add", "subtract", "multiply", "divide", "maximum", "minimum", "logaddexp")
RELATIONS = ("greater", "greater_equal", "less", "less_equal", "equal", "not_equal")

OPERATIONS = {
    **{f"xp.{name}": _unary(_called(name)) for name in ELEMENTWISE},
    **{f"xp.{name}": _binary(_called(name)) for name in OF_TWO},
    **{f"xp.{name}": _binary(lambda xp, a, b, name=name: getattr(xp, name)(a, b) * a) for name in RELATIONS},
    **{
        f"xp.{name}": _binary(lambda xp, a, b, name=name: getattr(xp, name)(a > 1, b > 1) * a)
        for name in ("logical_and", "logical_or")
    },
    **{f"xp.{name}": _reduced(name) for name in ("sum", "mean", "max", "min")},
    **{f"xp.{name}": _reduced(name) + _reduced(name, correction=1) for name in ("var", "std")},
    **{f"xp.{name}": _joined(name) for name in ("concat", "stack")},
    **{f"xp.{name}": _unary(lambda xp, x, name=name: x * getattr(xp, name)(x)) for name in ("ones_like", "zeros_like")},
    **{f"xp.{name}": _unary(lambda xp, x, name=name: x * getattr(xp, name)) for name in ("pi", "e")},
    **{f"xp.{name}": _unary(lambda xp, x, t=name: xp.astype(x, getattr(xp, t))) for name in ("float64", "float32")},
    "xp.pow": [case for p in (2, 3, -1, 0, 1, 0.5, -1.5) for case in _unary(_called("pow", p))]
    + _binary(_called("pow")),
    "xp.logical_not": _unary(lambda xp, x: xp.logical_not(x > 1) * x),
    "xp.where": _binary(lambda xp, a, b: xp.where(a > 1, a * b, b))
    + _unary(lambda xp, x: xp.where(x > 1, x, 0) + xp.where(x < 1, 2, x)),
    "xp.matmul": [(_called("matmul"), shapes) for shapes in PRODUCTS],
    "xp.vecdot": [(_called("vecdot"), ((*a, n), (*b, n))) for a, b in PAIRS for n in (0, 1)]
    + [(_called("vecdot", axis=0), (a, b)) for a, b in PAIRS]
    + [(_called("vecdot", axis=0), (shape, shape)) for shape in SHAPES if shape],
    "xp.clip": [
        case
        for ends in ({"min": 1}, {"max": 1}, {"min": 1, "max": 2})
        for case in _unary(lambda xp, x, ends=ends: xp.clip(x, **ends))
    ],
    "xp.reshape": [
        (_called("reshape", to), (shape,))
        for shape, to in (
            *(((0,), (0, 3)), ((0,), (-1,)), ((2, 0), (0,)), ((2, 0), (-1, 2)), ((0, 2), (2, 3, 0)), ((0,), ())),
            *(((1,), ()), ((), (1, 1)), ((1,), (-1, 1)), ((1, 2), (2,)), ((0,), (-1, 0)), ((0,), (1,))),
        )
    ],
    "xp.broadcast_to": [
        (_called("broadcast_to", to), (shape,))
        for shape, to in (
            *(((1,), (0,)), ((), (0,)), ((0,), (2, 0)), ((0, 1), (0, 2)), ((0, 1), (1, 0, 2)), ((1, 1), (0, 0))),
            *(((), (1,)), ((1,), (1, 1)), ((1,), (2, 2)), ((0,), (1,)), ((2,), (0,)), ((), ())),
        )
    ],
    "xp.expand_dims": [
        (_called("expand_dims", axis=axis), (shape,)) for shape in SHAPES for axis in range(-3, 4) if len(shape) < 3
    ],
    "xp.squeeze": [
        (_called("squeeze", axis=axis), (shape,))
        for shape in ((1,), (0, 1), (1, 0), (1, 1), (0,))
        for axis in (0, -1, 1, (0, 1))
    ],
    "xp.permute_dims": [
        (_called("permute_dims", axes), (shape,))
        for shape, axes in (((2, 0), (1, 0)), ((0, 1, 2), (2, 0, 1)), ((), ()), ((1,), (0,)), ((0, 2), (-1, 0)))
    ],
    "xp.matrix_transpose": _unary(_called("matrix_transpose")),
    **{
        f"xp.{name}": [(_called(name, k=k), (shape,)) for shape in SHAPES for k in (-1, 0, 1)]
        for name in ("tril", "triu")
    },
    "xp.ones": [c for s in ((), 0, (0, 1), (1,)) for c in _made(lambda xp, s=s: xp.ones(s))],
    "xp.zeros": [c for s in ((), 0, (0, 1), (1,)) for c in _made(lambda xp, s=s: xp.zeros(s))],
    "xp.full": [c for s in ((), 0, (0, 1), (1,)) for c in _made(lambda xp, s=s: xp.full(s, 0.5))],
    "xp.arange": [c for n in (0, 1) for c in _made(lambda xp, n=n: xp.arange(n))],
    "xp.eye": [c for n in (0, 1) for c in _made(lambda xp, n=n: xp.eye(n))],
    "xp.linspace": [c for n in (0, 1) for c in _made(lambda xp, n=n: xp.linspace(0, 1, n))],
    "xp.asarray": _unary(_called("asarray")) + _made(lambda xp: xp.asarray([])),
    "xp.astype": _unary(_called("astype", "float64")),
    "xp.inf": _unary(lambda xp, x: xp.where(x < xp.inf, x, 0)),
    "xp.newaxis": [(lambda xp, x: x[xp.newaxis, ...], (shape,)) for shape in SHAPES],
    "node.__add__": _binary(lambda xp, a, b: a + b),
    "node.__radd__": _unary(lambda xp, x: 2 + x),
    "node.__sub__": _binary(lambda xp, a, b: a - b),
    "node.__rsub__": _unary(lambda xp, x: np.ones(x.shape) - x),
    "node.__mul__": _binary(lambda xp, a, b: a * b),
    "node.__rmul__": _unary(lambda xp, x: np.ones((0, *x.shape)) * x),
    "node.__truediv__": _binary(lambda xp, a, b: a / b),
    "node.__rtruediv__": _unary(lambda xp, x: 2 / x),
    "node.__matmul__": [(lambda xp, a, b: a @ b, shapes) for shapes in PRODUCTS],
    "node.__rmatmul__": [
        (lambda xp, x, n=n: np.ones((n, 0)) @ x, (shape,)) for n in (0, 2) for shape in ((0,), (0, 2))
    ],
    "node.__pow__": _unary(lambda xp, x: x**2) + _binary(lambda xp, a, b: a**b),
    "node.__rpow__": _unary(lambda xp, x: 2.0**x),
    "node.__gt__": _binary(lambda xp, a, b: (a > b) * b),
    "node.__lt__": _binary(lambda xp, a, b: (a < b) * b),
    "node.__ge__": _binary(lambda xp, a, b: (a >= b) * b),
    "node.__le__": _binary(lambda xp, a, b: (a <= b) * b),
    "node.__eq__": _binary(lambda xp, a, b: (a == b) * b),
    "node.__ne__": _binary(lambda xp, a, b: (a != b) * b),
    "node.__and__": _binary(lambda xp, a, b: ((a > 1) & (b > 1)) * b),
    "node.__rand__": _unary(lambda xp, x: (np.array(True) & (x > 1)) * x),
    "node.__or__": _binary(lambda xp, a, b: ((a > 1) | (b > 1)) * b),
    "node.__ror__": _unary(lambda xp, x: (np.array(False) | (x > 1)) * x),
    "node.__neg__": _unary(lambda xp, x: -x),
    "node.__pos__": _unary(lambda xp, x: +x),
    "node.__abs__": _unary(lambda xp, x: xp.abs(-x) if np.iscomplexobj(x) else abs(-x)),
    "node.__invert__": _unary(lambda xp, x: ~(x > 1) * x),
    "node.__len__": [(lambda xp, x: x * len(x), (shape,)) for shape in SHAPES if shape],
    "node.__iter__": [(lambda xp, x: sum((row**2 for row in x), xp.sum(x)), (shape,)) for shape in SHAPES if shape],
    "node.__getitem__": [(lambda xp, x, i=i: x[i], (s,)) for i in INDICES.values() for s in ((2,), (2, 1), (2, 0))]
    + [(lambda xp, x: x[()] * x[..., None], (shape,)) for shape in SHAPES],
    "node.sum": _method("sum"),
    "node.mean": _method("mean"),
    "node.reshape": _unary(lambda xp, x: x.reshape(-1)) + _unary(lambda xp, x: x.reshape(1, *x.shape)),
    "node.transpose": _unary(lambda xp, x: x.transpose()) + _unary(lambda xp, x: x.transpose(*range(x.ndim))),
    "node.T": _unary(lambda xp, x: x.T),
    "node.mT": _unary(lambda xp, x: x.mT),
}
