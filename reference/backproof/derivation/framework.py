"""The user's loss in PyTorch or JAX, differentiated by the framework, in a process of its own."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any

import numpy as np

from backproof.isolation.child import Child, ChildError, TimedOut
from backproof.isolation.death import message
from backproof.models.primitives import with_sigmoid
from backproof.models.user_file import Arrays, load

SEND_SECONDS = 1.0  # a pipe holds a sample's arrays

Gradients = dict[str, Any]


class FrameworkProcess:
    """One framework on one derivation file."""

    def __init__(self, name: str, path: str) -> None:
        self._child = Child("backproof.derivation.framework:Program", [name, os.path.realpath(path)], quiet=True)

    def send(self, arrays: Mapping[str, Any], names: Sequence[str]) -> None:
        """Ask for the gradients by `names`."""
        self._names = set(names)
        with suppress(ChildError):  # receiving says so
            self._child.send("gradients", dict(arrays), list(names), seconds=SEND_SECONDS)

    def receive(self, seconds: float) -> Gradients | str:
        """The gradients, or why there are none."""
        try:
            answer = self._child.receive(seconds)
        except TimedOut:
            return "not ready in time"
        except ChildError as error:
            return str(error)
        named = isinstance(answer, dict) and answer.keys() == self._names
        arrays = named and all(isinstance(a, np.ndarray) and a.dtype.kind == "f" for a in answer.values())
        return answer if arrays else "its answer is not gradients by name"

    def stop(self) -> None:
        self._child.stop()


class Program:
    """The child's side: a framework, imported, and the file's loss (`isolation.server`)."""

    def __init__(self, name: str, path: str) -> None:
        self.differentiate, self.path = {"torch": _torch, "jax": _jax}[name](), path

    def answer(self, name: str, arrays: Arrays, names: list[str]) -> Gradients:
        """The gradients by `names` at `arrays`; there is no other request."""
        return self.differentiate(load(self.path).model.loss, arrays, names)

    def explain(self, error: BaseException) -> str:
        return f"{type(error).__name__}: {message(error)[:200]}"


Differentiate = Callable[[Callable[..., Any], Arrays, list[str]], Gradients]


def _torch() -> Differentiate:
    import array_api_compat.torch as namespace
    import torch

    def differentiate(loss: Callable[..., Any], arrays: Arrays, names: list[str]) -> Gradients:
        tensors = {n: torch.tensor(np.asarray(a), requires_grad=n in names) for n, a in arrays.items()}
        value = loss(with_sigmoid(namespace, torch.sigmoid), **tensors)
        found = torch.autograd.grad(value, [tensors[n] for n in names], allow_unused=True, materialize_grads=True)
        return {n: g.numpy() for n, g in zip(names, found, strict=True)}

    return differentiate


def _jax() -> Differentiate:
    import jax

    jax.config.update("jax_enable_x64", True)
    jax.config.update("jax_platforms", "cpu")
    xp = with_sigmoid(jax.numpy, jax.nn.sigmoid)

    def differentiate(loss: Callable[..., Any], arrays: Arrays, names: list[str]) -> Gradients:
        ours = {n: jax.numpy.asarray(a) for n, a in arrays.items()}
        rest = {n: a for n, a in ours.items() if n not in names}
        found = jax.grad(lambda params: loss(xp, **params, **rest))({n: ours[n] for n in names})
        return {n: np.asarray(g) for n, g in found.items()}

    return differentiate
