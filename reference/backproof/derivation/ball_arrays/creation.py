"""np.zeros, np.array and the like give arrays of balls while a user's function runs: it writes into them.

Only calls from outside NumPy and SciPy see this; their own code keeps what it has.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from backproof.derivation.ball_arrays.array import BallArray, is_ball_array
from backproof.derivation.ball_arrays.constants import constant_balls
from backproof.derivation.ball_arrays.functions import applies

FILLED = ("zeros", "ones", "empty", "full", "eye", "identity", "tri")
CONVERTED = ("array", "asarray", "asanyarray", "ascontiguousarray", "asfortranarray")
LIBRARIES = ("numpy", "scipy", "backproof")
Creation = Callable[..., Any]


@contextmanager
def creation() -> Iterator[None]:
    """Replace NumPy's creation functions within this block, in the user's modules that imported them by name too."""
    originals = [getattr(np, name) for name in (*FILLED, *CONVERTED)]
    places = [(np, o.__name__, o) for o in originals]
    for module in filter(_is_users, list(sys.modules.values())):
        places += [(module, name, o) for name, value in vars(module).items() for o in originals if value is o]
    replaced = {o: (_filled if o.__name__ in FILLED else _converted)(o) for o in originals}
    try:
        for module, name, original in places:
            setattr(module, name, replaced[original])
        yield
    finally:
        for module, name, original in places:
            setattr(module, name, original)


def _is_users(module: Any) -> bool:
    file = getattr(module, "__file__", None) or sys.prefix
    return not file.startswith((sys.prefix, sys.base_prefix)) and module.__name__.split(".")[0] not in LIBRARIES


def _inside_a_library() -> bool:
    caller = sys._getframe(2).f_globals.get("__name__", "")
    return caller.split(".")[0] in LIBRARIES


def _filled(original: Creation) -> Creation:
    @functools.wraps(original)
    def create(*args: Any, **kwargs: Any) -> Any:
        if original is FULL and len(args) > 1 and is_ball_array(args[1]):
            return _broadcast(args[0], args[1])
        value = original(*args, **kwargs)
        if _inside_a_library() or value.dtype.kind != "f" or value.dtype == np.longdouble:
            return value
        if original is EMPTY:
            value[...] = 0
        return BallArray(value, constant_balls(value))

    return create


def _converted(original: Creation) -> Creation:
    @functools.wraps(original)
    def convert(value: Any, *args: Any, **kwargs: Any) -> Any:
        if not applies([value]):
            return original(value, *args, **kwargs)
        if isinstance(value, list | tuple):
            value = np.stack([convert(v) for v in value])
        dtype = args[0] if args else kwargs.get("dtype")
        return value.astype(value.dtype if dtype is None else dtype, copy=original is ARRAY)

    return convert


def _broadcast(shape: Any, fill: Any) -> Any:
    return np.broadcast_to(fill, shape).copy()


FULL, EMPTY, ARRAY = np.full, np.empty, np.array
