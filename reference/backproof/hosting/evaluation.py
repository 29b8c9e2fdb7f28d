"""One task on a backend, in this process: what it is asked, and what it answers in plain arrays."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any

import numpy as np

from backproof.hosting.layouts import LAYOUTS
from backproof.hosting.protocol import Backend
from backproof.models import MODELS, Model
from backproof.models.primitives import with_sigmoid
from backproof.models.user_file import load as load_file
from backproof.models.user_file import model_name
from backproof.rounding.formats import FORMATS

Tensor = tuple[np.ndarray[Any, Any], str]  # values, and the name of the dtype they had


@dataclass(frozen=True)
class Task:
    """One evaluation at `arrays`, or (`steps` > 0) one descent from them."""

    model: str
    series: str
    dtype: str
    device: str
    arrays: Mapping[str, np.ndarray[Any, Any]]
    file: str | None = None  # of a user's derivation
    layout: str = "normal"  # of `layouts.LAYOUTS`
    steps: int = 0
    learning_rate: float = 0.0
    again: bool = False  # the task before, once more: on the very arrays that the backend has of it


@dataclass(frozen=True)
class Evaluation:
    """What a backend answered: loss, output and gradients, or after a descent the parameters alone."""

    loss: Tensor | None
    output: Tensor | None
    tensors: dict[str, Tensor]
    seconds: float
    settings: dict[str, str] = field(default_factory=dict)  # in force when it was done
    later: tuple["Evaluation", ...] = ()  # what further calls on the same arrays answered in other bits
    call: int = 1  # which call on its arrays it answers

    @property
    def named(self) -> dict[str, Tensor]:
        """Every tensor that was answered, as `Truth.named` names them."""
        whole = {"loss": self.loss, "output": self.output}
        return {name: tensor for name, tensor in whole.items() if tensor is not None} | self.tensors

    def other_bits(self, other: "Evaluation") -> list[str]:
        """The tensors of which another evaluation has other bits, another shape or dtype, or which only one has."""
        ours, theirs = self.named, other.named
        return [name for name in {**ours, **theirs} if _bits_of(ours.get(name)) != _bits_of(theirs.get(name))]


@dataclass(frozen=True)
class Failure:
    """Why it did not answer."""

    reason: str


def evaluate(backend: Backend, task: Task) -> Evaluation:
    """Run one task on a backend, in this process. Raises ValueError where it changes its arguments."""
    model = derivation(task.file) if task.file else MODELS[task.model]
    ours = _arrays(backend, task)
    params, data = {name: ours[name] for name in model.params}, {name: ours[name] for name in model.data}
    given = {name: _bits(backend, array) for name, array in ours.items()}
    start = time.perf_counter()
    if task.steps:
        loss = output = None
        tensors = backend.descend(model, task.series, params, data, task.learning_rate, task.steps)
    else:
        loss, output, tensors = backend.evaluate(model, task.series, params, data)
    values = {str(name): _plain(str(name), backend.to_numpy(tensor)) for name, tensor in tensors.items()}
    loss, output = (
        None if tensor is None else _plain(name, backend.to_numpy(tensor))
        for name, tensor in (("loss", loss), ("output", output))
    )
    seconds = time.perf_counter() - start
    for name, array in ours.items():
        if given[name] is not None and _bits(backend, array) != given[name]:
            raise ValueError(f"it changes its argument {name}, which is to stay as it is; make a copy")
    return Evaluation(loss, output, values, seconds, {str(k): str(v) for k, v in backend.settings().items()})


_last: dict[str, Any] = {}  # the arrays of the task before, in the backend's process


def _arrays(backend: Backend, task: Task) -> dict[str, Any]:
    """The task's arrays as the backend's own. A call `again` gets the same objects: what a backend keeps by its
    arguments' identity, or writes into them, shows then only."""
    if not task.again:
        lay_out = LAYOUTS[task.layout]
        _last.clear()  # before others are made: they may be large
        for name, array in task.arrays.items():
            _last[name] = backend.from_numpy(lay_out(np.asarray(array)), task.dtype, task.device)
    return dict(_last)


def _bits_of(tensor: Tensor | None) -> tuple[Any, ...] | None:
    return None if tensor is None else (tensor[1], tensor[0].shape, tensor[0].tobytes())


def _bits(backend: Backend, array: Any) -> bytes | None:
    """What a backend's array holds; None where `to_numpy` takes answers only, or the array is no more."""
    try:
        return np.asarray(backend.to_numpy(array)[0]).tobytes()
    except Exception:
        return None


@cache
def derivation(path: str) -> Model:
    """A user's derivation, loaded once in this process. Array namespaces without a sigmoid are given one."""
    model = load_file(path).model

    def loss(xp: Any, **arrays: Any) -> Any:
        return model.loss(with_sigmoid(xp), **arrays)

    return replace(model, name=model_name(path), loss=loss)


def _plain(name: str, answer: Any) -> Tensor:
    """What `to_numpy` gave, as a plain array of real numbers and a dtype's name. Raises TypeError for anything else."""
    if not (isinstance(answer, tuple) and len(answer) == 2 and isinstance(answer[1], str)):
        raise TypeError(f"to_numpy gives {type(answer).__name__} for {name}; it must give (array, name of its dtype)")
    values, dtype = answer
    if not isinstance(values, np.ndarray | np.generic) or np.asarray(values).dtype.kind not in "fiub":
        raise TypeError(f"to_numpy gives {getattr(values, 'dtype', type(values).__name__)} for {name}, no real numbers")
    values = np.array(values, subok=False)
    if dtype != values.dtype.name and dtype in FORMATS and FORMATS[dtype].numpy != values.dtype.name:
        raise TypeError(f"to_numpy calls {name} {dtype}, and its values are {values.dtype}")
    return values, dtype
