"""A model: named shapes, a loss, hand-derived gradients; and the checks that stand before the equations."""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np

from backproof.core.errors import InputError

Arrays = Mapping[str, Any]
Dims = Mapping[str, int]

FLOATS = ("float64", "float32", "float16")


@dataclass(frozen=True, eq=False)  # itself alone: a key of what is compiled for it
class Model:
    """What a model file says, with its arrays split into `params` and data.

    `shapes` maps every array to its axes ("n m"; "" is a scalar), `loss(xp, **arrays)` is the scalar
    loss in the array namespace `xp`, `gradients(**arrays)` the hand derivation in NumPy.
    """

    name: str
    shapes: Mapping[str, str]
    params: tuple[str, ...]
    loss: Callable[..., Any]
    gradients: Callable[..., dict[str, Any]]
    # What is known of the four models alone:
    title: str = ""  # its name in words
    summary: str = ""  # its output and loss, as formulas
    is_linear: bool = False  # its output is an affine function of an example

    @classmethod
    def from_module(cls, module: ModuleType, is_linear: bool = False) -> "Model":
        """The model of one of the files beside this one, whose docstring begins with its title and summary."""
        name, params = module.__name__.rpartition(".")[2], tuple(module.params)
        title, _, summary = (module.__doc__ or "").partition("\n")[0].rstrip(".").partition(": ")
        return cls(name, module.shapes, params, module.loss, module.gradients, title, summary, is_linear)

    @property
    def is_network(self) -> bool:
        """Whether a hidden layer stands between its inputs and its output."""
        return "W1" in self.params

    @property
    def is_regression(self) -> bool:
        """Whether its output is an affine function of its parameters too, and its loss quadratic in them."""
        return self.is_linear and not self.is_network

    @property
    def has_one_feature(self) -> bool:
        """Whether an example of one of the four models is a number `x`; it is a column of `X` otherwise."""
        return "x" in self.data

    @property
    def data(self) -> tuple[str, ...]:
        """Names of the arrays that are not parameters."""
        return tuple(name for name in self.shapes if name not in self.params)

    @property
    def letters(self) -> tuple[str, ...]:
        """The dimension letters: `n`, `m` (the examples) and `k`, then any others alphabetically."""
        found = {axis for axes in self.shapes.values() for axis in axes.split() if not axis.isdigit()}
        return tuple(sorted(found, key=lambda letter: ("nmk".find(letter) % 4, letter)))

    def shape(self, name: str, dims: Dims) -> tuple[int, ...]:
        """The shape of array `name` where the letters stand for `dims`."""
        axes = self.shapes[name].split()
        return tuple(int(axis) if axis.isdigit() else dims[axis] for axis in axes)

    def gradients_in(self, xp: Any, arrays: Arrays) -> dict[str, Any]:
        """The hand derivation on `arrays` that are not NumPy's: those that need more than operators take `xp`."""
        namespace = {"xp": xp} if "xp" in inspect.signature(self.gradients).parameters else {}
        return self.gradients(**arrays, **namespace)

    def evaluate(self, params: Arrays, data: Arrays) -> tuple[Any, dict[str, Any]]:
        """Loss and hand-derived gradients, in NumPy, of arrays that were checked.

        The gradients have their parameter's shape and dtype. Raises InputError as `check` does.
        """
        self.check(params, data)
        arrays = {name: np.asarray(value) for name, value in {**params, **data}.items()}
        return self.loss(np, **arrays), self.gradients(**arrays)

    def check(self, params: Arrays, data: Arrays) -> dict[str, int]:
        """The dimensions of `params` and `data`; InputError where a name, shape or dtype is wrong."""
        self._check_names("parameter", params, self.params)
        self._check_names("data array", data, self.data)
        arrays = {name: np.asarray(value) for name, value in {**params, **data}.items()}
        dims: dict[str, tuple[int, str]] = {}
        for name in self.shapes:
            self._check_shape(name, arrays[name], dims)
        dtypes = {name: array.dtype.name for name, array in arrays.items()}
        for name, dtype in dtypes.items():
            if dtype not in FLOATS:
                raise InputError(f"{self.name}: {name} is {dtype}; give it as one of {', '.join(FLOATS)}")
        if len(set(dtypes.values())) > 1:
            listed = ", ".join(f"{name} {dtype}" for name, dtype in dtypes.items())
            raise InputError(f"{self.name}: the arrays differ in dtype ({listed}); cast them to one")
        return {letter: size for letter, (size, _) in dims.items()}

    def _check_names(self, kind: str, given: Arrays, wanted: tuple[str, ...]) -> None:
        for name in wanted:
            if name not in given:
                raise InputError(f"{self.name}: {kind} {name} is missing; it needs {', '.join(wanted)}")
        for name in given:
            if name not in wanted:
                raise InputError(f"{self.name}: there is no {kind} {name}; it takes {', '.join(wanted)}")

    def _check_shape(self, name: str, array: Any, dims: dict[str, tuple[int, str]]) -> None:
        axes = self.shapes[name].split()
        wanted = f"({', '.join(axes)}{',' if len(axes) == 1 else ''})"
        if array.ndim != len(axes):
            raise InputError(f"{self.name}: {name} has shape {array.shape}; it must be {wanted}")
        for axis, size in zip(axes, array.shape, strict=True):
            if size == 0:
                raise InputError(f"{self.name}: {name} of shape {array.shape} is empty; {wanted} needs sizes >= 1")
            known, source = (int(axis), axis) if axis.isdigit() else dims.setdefault(axis, (size, name))
            if size != known:
                because = f"{axis} = {known} by {source}" if not axis.isdigit() else f"its axis {axis} is fixed"
                raise InputError(f"{self.name}: {name} has shape {array.shape}; it must be {wanted}, and {because}")
