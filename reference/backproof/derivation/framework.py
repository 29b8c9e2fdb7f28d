"""The user's loss in PyTorch or JAX, differentiated by the framework, in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from typing import Any

import numpy as np

from backproof.models.primitives import with_sigmoid
from backproof.models.user_file import Arrays, load

_BOOT = (
    "import sys; sys.path[:] = sys.argv[4:]; from backproof.derivation.framework import serve;"
    " serve(int(sys.argv[1]), *sys.argv[2:4])"
)

Gradients = dict[str, Any]


class FrameworkProcess:
    """One framework on one derivation file."""

    def __init__(self, name: str, path: str) -> None:
        self._connection, theirs = Pipe()
        self._process = subprocess.Popen(
            [sys.executable, "-c", _BOOT, str(theirs.fileno()), name, os.path.realpath(path), *sys.path],
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        theirs.close()

    def send(self, arrays: Mapping[str, Any], names: Sequence[str]) -> None:
        """Ask for the gradients by `names`."""
        with suppress(OSError):  # it died: receiving says so
            self._connection.send((arrays, list(names)))

    def receive(self, seconds: float) -> Gradients | str:
        """The gradients, or why there are none."""
        try:
            if not self._connection.poll(seconds):
                return "not ready in time"
            answer: Gradients | str = self._connection.recv()
            return answer
        except (EOFError, OSError):
            return "its process died"

    def stop(self) -> None:
        self._process.kill()
        self._process.wait()
        self._connection.close()


def serve(descriptor: int, name: str, path: str) -> None:
    """Answer one request, by gradients or by a reason."""
    connection = Connection(descriptor)
    try:
        differentiate = {"torch": _torch, "jax": _jax}[name]()
        arrays, names = connection.recv()
        connection.send(differentiate(load(path).model.loss, arrays, names))
    except EOFError:
        return
    except BaseException as error:
        connection.send(f"{type(error).__name__}: {' '.join(str(error).split())[:200]}")


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
