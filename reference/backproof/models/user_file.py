"""A derivation file: loaded, its names and signatures checked, as a model whose functions take every array.

This runs the user's code, hence only in the process of `child`.
"""

from __future__ import annotations

import importlib.util
import inspect
import re
import sys
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from backproof.core.errors import InputError
from backproof.models.model import Dims, Model
from backproof.models.primitives import untapped

Arrays = dict[str, Any]


@dataclass(frozen=True)
class Derivation:
    """What a file says. `model` has its loss and gradients; `sample` and `tap` are optional in the file."""

    path: str
    module: ModuleType
    model: Model
    sample: Callable[..., Any] | None
    taps: bool

    def hand(self, name: str) -> Callable[..., Any]:
        """The hand derivation by this name, taking every array. Raises InputError."""
        function = _get(self.module, name)
        _check_signature(name, function, self.model.shapes, ())
        return _by_name(function)

    def draw(self, dims: Dims, seed: int) -> Arrays:
        """Arrays of float64 for these sizes: standard normals, or what `sample` returns. Raises InputError."""
        rng = np.random.default_rng(seed)
        wanted = {name: self.model.shape(name, dims) for name in self.model.shapes}
        arrays: Arrays = {name: np.asarray(rng.standard_normal(shape)) for name, shape in wanted.items()}
        if self.sample is not None:
            arrays |= self._sampled(dims, rng)
        for name, array in arrays.items():
            if array.shape != wanted[name]:
                raise InputError(f"sample returns {name} of shape {array.shape}; shapes says {wanted[name]}")
            if not np.isfinite(array).all():
                raise InputError(f"sample returns {name} with NaN or Inf")
        return arrays

    def sampled(self, dims: Dims, seed: int) -> list[str]:
        """The names of the arrays that `sample` returns."""
        return [] if self.sample is None else list(self._sampled(dims, np.random.default_rng(seed)))

    def _sampled(self, dims: Dims, rng: np.random.Generator) -> Arrays:
        assert self.sample is not None
        drawn = self.sample(rng, **_accepted(self.sample, dims))
        if not isinstance(drawn, Mapping):
            raise InputError(f"sample returns a {type(drawn).__name__}; it must return a dict of arrays by name")
        for name in drawn:
            if name not in self.model.shapes:
                raise InputError(f"sample returns {name!r}, which is no name in shapes")
        return {name: np.array(value, np.float64) for name, value in drawn.items()}


def load(path: str, hand: str = "gradients") -> Derivation:
    """Load the file, whose function `hand` is the derivation. Raises InputError for whatever is wrong with it."""
    module = _module(path)
    name = Path(path).stem
    shapes, params = (_get(module, attribute) for attribute in ("shapes", "params"))
    if not isinstance(shapes, Mapping) or not all(isinstance(s, str) for pair in shapes.items() for s in pair):
        raise InputError('shapes must be a dict of strings, such as dict(X="n m", y="1 m", b="")')
    for array, axes in shapes.items():
        for axis in axes.split():
            if not (axis.isidentifier() or (axis.isdigit() and int(axis) > 0)):
                raise InputError(f"shapes: {array} has the axis {axis!r}; use letters and whole numbers >= 1")
    if isinstance(params, str) or not isinstance(params, Collection) or not params or not all(map(_is_text, params)):
        raise InputError('params must be a list of names, such as ["w", "b"]')
    for parameter in params:
        if parameter not in shapes:
            raise InputError(f"params names {parameter}, which is no name in shapes ({', '.join(shapes)})")
    loss, gradients = (_get(module, attribute) for attribute in ("loss", hand))
    taps = _check_signature("loss", loss, shapes, ("tap",))
    _check_signature(hand, gradients, shapes, ())
    sample = getattr(module, "sample", None)
    model = Model(name, dict(shapes), tuple(params), _with_tap(loss, taps), _by_name(gradients))
    return Derivation(path, module, model, sample, taps)


def is_file(model: str) -> bool:
    """Whether a model is named by its file."""
    return model.endswith(".py") or "/" in model


def model_name(path: str) -> str:
    """A file's name in the matrix; its suffix tells it from the models built in."""
    return re.sub(r"[^\w.+]", "_", Path(path).name)


def _module(path: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(Path(path).stem, path)
    if spec is None or spec.loader is None:
        raise InputError(f"{path} is no Python file; its name must end in .py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[module.__name__] = module  # dataclasses and pickles of the file look themselves up there
    sys.path.insert(0, str(Path(path).resolve().parent))
    spec.loader.exec_module(module)
    return module


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _get(module: ModuleType, name: str) -> Any:
    if not hasattr(module, name):
        raise InputError(f"there is no `{name}` in it; a derivation has shapes, params, loss and gradients")
    value = getattr(module, name)
    if name not in ("shapes", "params") and not callable(value):
        raise InputError(f"`{name}` is a {type(value).__name__}; it must be a function")
    return value


def _check_signature(name: str, function: Any, shapes: Mapping[str, str], extra: tuple[str, ...]) -> bool:
    """InputError unless the arguments are the arrays' names; whether `loss` takes `tap`."""
    parameters = list(inspect.signature(function).parameters.values())
    if name == "loss":
        if not parameters or parameters[0].name in shapes:
            raise InputError("loss must take the array namespace first: loss(xp, ...)")
        parameters = parameters[1:]
    for parameter in parameters:
        optional = parameter.default is not parameter.empty or parameter.kind is parameter.VAR_KEYWORD
        if parameter.name not in (*shapes, *extra) and not optional:
            listed = ", ".join(shapes)
            raise InputError(f"{name} takes {parameter.name}, which is no name in shapes ({listed})")
    return any(parameter.name in extra for parameter in parameters)


def _accepted(function: Callable[..., Any], named: Mapping[str, Any]) -> Arrays:
    parameters = inspect.signature(function).parameters.values()
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters):
        return dict(named)
    return {p.name: named[p.name] for p in parameters if p.name in named}


def _with_tap(loss: Callable[..., Any], taps: bool) -> Callable[..., Any]:
    def with_tap(xp: Any, tap: Callable[..., Any] = untapped, **arrays: Any) -> Any:
        return loss(xp, **_accepted(loss, arrays), **({"tap": tap} if taps else {}))

    return with_tap


def _by_name(gradients: Callable[..., Any]) -> Callable[..., Any]:
    return lambda **arrays: gradients(**_accepted(gradients, arrays))
