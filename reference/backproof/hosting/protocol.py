"""What a backend is: the protocol that ours and anyone's satisfy. See `backends/` for three of them."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np

from backproof.hosting.series import Series
from backproof.models.model import Model

__all__ = ["Backend", "Ranks", "Series"]

Array = Any  # a framework's own array, on its device


class Backend(Protocol):
    """Computes the loss and the gradients of the models, and descends along them.

    An instance (or a module with these names) is found by an entry point of the group
    `backproof.backends`, or named as `module:attr`. It runs in a process of its own.

    `dtypes` are of "float64", "float32", "bfloat16" and "float16"; `devices` of "cpu" and "cuda", each present on
    this machine; `series` are the ways to run, the first being the usual one: a name where there is no more to say, a
    `Series` where there is. A name says the same in a subclass: it takes over nothing from a series of that name in
    the parent class. What a backend does not offer is shown as not offered.

    A backend that runs as several processes has a method `join(device: str, seconds: float) -> Ranks` too: this
    process takes the place among them that its environment names.
    """

    name: str
    version: str
    devices: Sequence[str]
    dtypes: Sequence[str]
    series: Sequence[str | Series]

    def settings(self) -> Mapping[str, str]:
        """The settings in force that bear on precision, for the report."""
        ...

    def from_numpy(self, values: np.ndarray[Any, Any], dtype: str, device: str) -> Array:
        """`values` on `device` in `dtype`, same shape. A dtype NumPy lacks comes as float32 that it can hold."""
        ...

    def to_numpy(self, array: Array) -> tuple[np.ndarray[Any, Any], str]:
        """The values of `array`, and the name of the dtype it had (a dtype NumPy lacks travels as float32)."""
        ...

    def evaluate(
        self, model: Model, series: str, params: Mapping[str, Array], data: Mapping[str, Array]
    ) -> tuple[Array, Array | None, Mapping[str, Array]]:
        """Loss (), output y_hat (1, m) and the gradient of every parameter, in its shape and dtype.

        The output of a derivation is what its loss taps as y_hat (`model.loss(xp, tap=tap, ...)` calls
        `tap(name, value)`, which must return the value), or None.
        """
        ...

    def descend(
        self,
        model: Model,
        series: str,
        params: Mapping[str, Array],
        data: Mapping[str, Array],
        learning_rate: float,
        steps: int,
    ) -> Mapping[str, Array]:
        """The parameters after `steps` steps of p - learning_rate * dp, all on the device, finished on return."""
        ...


class Ranks(Protocol):
    """One of several processes that descend together, each over its own columns; every method is called on all.

    Arrays come and go as NumPy's. `data` holds this rank's own columns, perhaps none, either as arrays or as what
    gives an array for `[:, start:stop]` and is to be read so; `m` is the number of columns of all ranks. A rank that
    is gone, or silent for the `seconds` of `join`, must raise on all others or end them.
    """

    rank: int
    ranks: int

    def reduce(self, values: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        """The sum of `values` over all ranks, the same bits on every one."""
        ...

    def evaluate(
        self, model: Model, params: Mapping[str, Any], data: Mapping[str, Any], m: int
    ) -> tuple[Any, dict[str, Any]]:
        """Loss () and gradients over the columns of all ranks."""
        ...

    def output(self, model: Model, params: Mapping[str, Any], data: Mapping[str, Any]) -> np.ndarray[Any, Any]:
        """y_hat (1, t) of this rank's own t columns."""
        ...

    def descend(
        self,
        model: Model,
        params: Mapping[str, Any],
        data: Mapping[str, Any],
        m: int,
        learning_rate: float,
        steps: int,
    ) -> dict[str, Any]:
        """The parameters after `steps` steps, the same bits on every rank."""
        ...

    def close(self) -> None:
        """Leave the group; nothing is called afterwards."""
        ...
