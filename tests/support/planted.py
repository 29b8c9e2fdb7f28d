"""Backends with planted errors, and backends that misbehave; named as `tests.support.planted:NAME`."""

import os
import signal
import time
from pathlib import Path

import numpy as np

from backproof.isolation.frames import encode
from backproof_numpy.backend import NumpyBackend


class Numpy(NumpyBackend):
    """The reference with its gradients passed through `spoil(model, params, data, gradients)`."""

    spoil = None

    def evaluate(self, model, series, params, data):
        loss, output, gradients = super().evaluate(model, series, params, data)
        return loss, output, type(self).spoil(model, params, data, gradients)


def numpy(spoil):
    return type("Planted", (Numpy,), {"name": f"numpy-{spoil.__name__}", "spoil": staticmethod(spoil)})()


def drop_two(model, params, data, gradients):
    return {name: g / 2 for name, g in gradients.items()}


def drop_one_minus_A(model, params, data, gradients):
    if model.name != "two_layer_nonlinear":
        return gradients
    X, y, W1, b1, w2, b2 = (({**data, **params})[name] for name in ("X", "y", "W1", "b1", "w2", "b2"))
    A = 1 / (1 + np.exp(-(W1 @ X + b1)))
    dZ = (w2.T @ (2 * (w2 @ A + b2 - y) / X.shape[1])) * A
    return gradients | {"W1": dZ @ X.T, "b1": dZ.sum(axis=1, keepdims=True)}


def transposed(model, params, data, gradients):
    return {name: g.T for name, g in gradients.items()}


def stale_bias(model, params, data, gradients):
    name = "b1" if "b1" in gradients else "b"
    return gradients | {name: gradients[name] + np.asarray(gradients[name]) * gradients[name].dtype.type(1e-3)}


def forgets_b(model, params, data, gradients):
    return {name: g for name, g in gradients.items() if not name.startswith("b")}


def upcasts(model, params, data, gradients):
    return {name: np.asarray(g, np.float64) for name, g in gradients.items()}


def not_a_number(model, params, data, gradients):
    return {name: g * np.asarray(g).dtype.type(np.nan) for name, g in gradients.items()}


numpy_drop_two = numpy(drop_two)
numpy_drop_one_minus_A = numpy(drop_one_minus_A)
numpy_transposed = numpy(transposed)
numpy_stale_bias = numpy(stale_bias)
numpy_forgets_b = numpy(forgets_b)
numpy_upcasts = numpy(upcasts)
numpy_not_a_number = numpy(not_a_number)


def __getattr__(name):
    """Faults planted in PyTorch and JAX, whose frameworks are imported only by the process that runs them."""
    framework, _, fault = name.partition("_")
    if framework == "torch":
        from tests.support.planted_torch import FAULTS
    elif framework == "jax":
        from tests.support.planted_jax import FAULTS
    else:
        raise AttributeError(name)
    return FAULTS[fault]


class Crashes(NumpyBackend):
    """Kills its process on one model, and raises on another."""

    name = "crashes"

    def evaluate(self, model, series, params, data):
        if model.name == "multivariate":
            os.kill(os.getpid(), 11)
        if model.name == "two_layer_linear":
            raise RuntimeError("no\nsuch luck")
        return super().evaluate(model, series, params, data)


class Hangs(NumpyBackend):
    name = "hangs"

    def evaluate(self, model, series, params, data):
        if model.name == "multivariate":
            Path(os.environ.get("HANGS_MARK", os.devnull)).write_text("hanging")
            time.sleep(600)
        return super().evaluate(model, series, params, data)


class Chats(NumpyBackend):
    """Prints where only results belong."""

    name = "chats"

    def evaluate(self, model, series, params, data):
        print("chatter on standard output")
        return super().evaluate(model, series, params, data)


crashes, hangs, chats = Crashes(), Hangs(), Chats()


class Coarse(NumpyBackend):
    """Gradients whose last three bits are gone: less than the bounds allow."""

    def evaluate(self, model, series, params, data):
        loss, output, gradients = super().evaluate(model, series, params, data)
        return loss, output, {name: self._cut(np.asarray(g)) for name, g in gradients.items()}

    def _cut(self, values):
        bits = np.finfo(values.dtype).nmant + 1 - 3
        fraction, exponent = np.frexp(values.astype(np.float64))
        return np.ldexp(np.rint(np.ldexp(fraction, bits)), exponent - bits).astype(values.dtype)


coarse = Coarse()
not_a_backend = object()
odd_derivations = type("Odd", (NumpyBackend,), {"derivations": {"reference": "both"}})()  # in the older way


class Hoards(NumpyBackend):
    """Takes memory without end on one model."""

    name = "hoards"

    def evaluate(self, model, series, params, data):
        if model.name == "multivariate":
            hoard = []
            while True:
                hoard.append(np.ones(2**21))
                time.sleep(0.01)
        return super().evaluate(model, series, params, data)


class Leaks(NumpyBackend):
    """Keeps 8 MiB of every call, and is quick."""

    name = "leaks"

    def evaluate(self, model, series, params, data):
        leak.append(np.ones(2**20))
        return super().evaluate(model, series, params, data)


class Overwrites(NumpyBackend):
    """Leaves zeros where its arguments were."""

    name = "overwrites"

    def evaluate(self, model, series, params, data):
        answer = super().evaluate(model, series, params, data)
        if model.name == "multivariate":
            data["X"][...] = 0
        return answer

    def descend(self, model, series, params, data, learning_rate, steps):
        found = super().descend(model, series, params, data, learning_rate, steps)
        for name, values in found.items():
            np.asarray(params[name])[...] = values
        return found


class Caps(NumpyBackend):
    """Puts the largest number for an infinite one."""

    name = "caps"

    def evaluate(self, model, series, params, data):
        loss, output, gradients = super().evaluate(model, series, params, data)
        largest = {name: np.finfo(g.dtype).max for name, g in gradients.items()}
        return loss, output, {name: np.where(np.isinf(g), largest[name], g) for name, g in gradients.items()}


leak = []


class Wavers(NumpyBackend):
    """Adds up in another order each time."""

    name = "wavers"
    calls = 0

    def evaluate(self, model, series, params, data):
        Wavers.calls += 1
        order = np.roll(np.arange(data["y"].shape[1]), Wavers.calls)
        shuffled = {name: array[:, order] for name, array in data.items()}
        loss, _, gradients = super().evaluate(model, series, params, shuffled)
        return loss, super().evaluate(model, series, params, data)[1], gradients


class Cleans(NumpyBackend):
    """Hides what is not finite."""

    name = "cleans"

    def evaluate(self, model, series, params, data):
        loss, output, gradients = super().evaluate(model, series, params, data)
        return loss, output, {name: np.nan_to_num(g).astype(g.dtype) for name, g in gradients.items()}


class LastExampleHeavy(NumpyBackend):
    """Weighs examples by their place: right for no permutation."""

    name = "last-heavy"

    def evaluate(self, model, series, params, data):
        loss, output, gradients = super().evaluate(model, series, params, data)
        last = {name: array[:, -1:] for name, array in data.items()}
        extra = model.gradients(**params, **last)
        return loss, output, {name: g + extra[name] for name, g in gradients.items()}


hoards, wavers, cleans, last_heavy = Hoards(), Wavers(), Cleans(), LastExampleHeavy()
leaks, overwrites, caps = Leaks(), Overwrites(), Caps()


class Silent(NumpyBackend):
    """Returns no loss, and no output."""

    name = "silent"

    def evaluate(self, model, series, params, data):
        return None, None, super().evaluate(model, series, params, data)[2]


silent = Silent()


class Ascends(NumpyBackend):
    name = "ascends"

    def descend(self, model, series, params, data, learning_rate, steps):
        return super().descend(model, series, params, data, -learning_rate, steps)


class Forgets(NumpyBackend):
    name = "forgets"

    def descend(self, model, series, params, data, learning_rate, steps):
        return {}


class Exits(NumpyBackend):
    name = "exits"

    def evaluate(self, model, series, params, data):
        raise SystemExit(3)

    def descend(self, model, series, params, data, learning_rate, steps):
        raise SystemExit(3)


class Mumbles(NumpyBackend):
    """Gives lists for arrays."""

    name = "mumbles"

    def to_numpy(self, array):
        return [np.asarray(array).tolist()], "float64"


class NeverAnswers(NumpyBackend):
    name = "never"

    def evaluate(self, *arguments):
        time.sleep(60)


class StopsHalfWay(NumpyBackend):
    """Is stopped (as by a debugger, or a freezer of cgroups) while its answer is on its way."""

    name = "half"

    def evaluate(self, *arguments):
        from backproof.isolation.channel import Channel

        def send(channel, value, wait):
            piece = next(iter(encode(value)))
            channel.connection.send(piece[:30])
            os.kill(os.getpid(), signal.SIGSTOP)

        Channel.send = send
        return super().evaluate(*arguments)


class Garbles(NumpyBackend):
    """Answers with what cannot be read on the other side."""

    name = "garbles"

    def to_numpy(self, array):
        values, dtype = super().to_numpy(array)
        return values, Name(dtype)


class Name(str):
    def __reduce__(self):
        return (int, ("no number",))


class Fails:
    """A backend that cannot be made."""

    def __init__(self):
        raise OSError("no licence")
