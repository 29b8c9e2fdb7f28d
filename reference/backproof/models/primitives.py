"""What the equations are made of beyond `+ - * / @`, and may be replaced by the namespace they run in."""

from typing import Any

import numpy as np


def sigmoid(z: Any, xp: Any = np) -> Any:
    """sigma(z) = 1 / (1 + exp(-z)), elementwise: the shape and dtype of `z`, finite for every finite `z`.

    A namespace with a `sigmoid` of its own (PyTorch, the tracer, symbols) uses that one as a
    primitive: differentiated step by step, the stable form below would lose its slope at z = 0.
    """
    if hasattr(xp, "sigmoid"):
        return xp.sigmoid(z)
    e = xp.exp(-xp.abs(z))  # 1 / (1 + exp(-z)) would overflow for z << 0; e stays in [0, 1]
    return xp.where(z >= 0, 1, e) / (1 + e)


class _WithSigmoid:
    """An array namespace, with a sigmoid beside it."""

    def __init__(self, namespace: Any, function: Any) -> None:
        self._namespace, self.sigmoid = namespace, function

    def __getattr__(self, name: str) -> Any:
        return getattr(self._namespace, name)


def with_sigmoid(xp: Any, function: Any = None) -> Any:
    """The array namespace `xp`, with `function` as its sigmoid; by default its own, or the stable form above."""
    if function is None and hasattr(xp, "sigmoid"):
        return xp
    return _WithSigmoid(xp, function or (lambda z: sigmoid(z, xp)))


def untapped(name: str, value: Any) -> Any:
    """The default `tap` of a loss: names the intermediate `value`, and returns it as it is."""
    return value
