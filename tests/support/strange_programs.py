"""Programs for children (`backproof.isolation.server`) that do what nobody should."""

import json
import os
import signal
import subprocess
import sys
import time
from enum import StrEnum

import numpy as np

from backproof.isolation.frames import MAGIC, PREFIX


class Letters(StrEnum):
    """Text that is not quite text."""

    X = "x"

    def __str__(self):
        return "not what it is"


class Farewell(BaseException):
    """Even its message ends the process."""

    def __str__(self):
        raise SystemExit(7)


class Faceless(Exception):
    """Not even its class can be looked at."""

    __class__ = property(lambda self: 1 / 0)

    def __str__(self):
        return 5


def connection():
    """The descriptor of this process's own socket."""
    return int(sys.argv[1])


def raw(data):
    """Bytes in place of an answer; they are the last ones."""
    while data:
        try:
            data = data[os.write(connection(), data) :]
        except BlockingIOError:
            time.sleep(0.001)
    time.sleep(60)


def frame(header, data=b""):
    header = header if isinstance(header, bytes) else json.dumps(header).encode()
    return PREFIX.pack(MAGIC, len(header), len(data)) + header + data


def array(dtype, shape, data=bytes(64)):
    return frame({"value": {"dict": {"answer": {"array": 0}}}, "arrays": [[dtype, shape]]}, data)


def grandchild():
    """A process that is no longer in this session, and holds all that this one holds."""
    pid = os.fork()
    if pid == 0:
        os.setsid()
        time.sleep(600)
    return pid


ANSWERS = {
    "echo": lambda *values: values,
    "kinds": lambda: [Letters.X, np.int64(3), np.float32(0.5), np.matrix([[1, 2]]), True, None, np.bool_(True)],
    "pid": lambda: [os.getpid(), os.getppid()],
    "big": lambda size: np.ones(size, np.uint8),
    "object": lambda: object(),
    "by number": lambda: {1: 2},
    "deep": lambda: eval("[" * 90 + "]" * 90) and _nested(5000),
    "farewell": lambda: _raise(Farewell()),
    "faceless": lambda: _raise(Faceless()),
    "exit": lambda: sys.exit(3),
    "leave": lambda: os._exit(5),
    "signal": lambda number: os.kill(os.getpid(), number),
    "stop itself": lambda: os.kill(os.getpid(), signal.SIGSTOP),
    "sleep": time.sleep,
    "close": lambda: os.closerange(3, 1000) or time.sleep(60),
    "fork": lambda: os.fork(),
    "grandchild": grandchild,
    "grandchild and die": lambda: grandchild() and os._exit(4),
    "subprocess": lambda: subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"]).pid,
    "kill the supervisor": lambda: os.kill(os.getppid(), signal.SIGKILL) or time.sleep(60),
    "hoard": lambda size: [np.ones(size, np.uint8), time.sleep(60)],
    "garbage": lambda: raw(b"not a frame at all, but long enough to be read as one"),
    "half a frame": lambda: raw(array("float64", [8])[:-10]),
    "half, stopped": lambda: os.write(connection(), array("float64", [8])[:30]) and ANSWERS["stop itself"](),
    "long header": lambda: raw(PREFIX.pack(MAGIC, 2**32 - 1, 0) + b"x" * 100),
    "much data": lambda: raw(PREFIX.pack(MAGIC, 10, 2**63)),
    "lying shape": lambda: raw(array("float64", [10**9])),
    "negative shape": lambda: raw(array("float64", [-8])),
    "overflowing shape": lambda: raw(array("float64", [2**33, 2**33, 2**33], b"")),
    "no dtype": lambda: raw(array("object", [8])),
    "truths": lambda: raw(array("bool", [64], b"\x02" * 64)),
    "NaN": lambda: raw(frame(b'{"value": {"dict": {"answer": NaN}}, "arrays": []}')),
    "many digits": lambda: raw(frame(b'{"value": {"dict": {"answer": ' + b"9" * 5000 + b'}}, "arrays": []}')),
    "brackets": lambda: raw(frame(b"[" * 100_000)),
    "no such array": lambda: raw(frame({"value": {"dict": {"answer": {"array": 7}}}, "arrays": []})),
    "another form": lambda: raw(frame({"value": {"dict": {"answer": 1, "verdict": "pass"}}, "arrays": []})),
    "endless": lambda: raw(frame({"value": 1, "arrays": [["uint8", [2**30]]]}, b"")[:20] + b"x" * 10**6),
}


def _nested(depth):
    value = []
    for _ in range(depth):
        value = [value]
    return value


def _raise(error):
    raise error


class Program:
    def __init__(self, *arguments):
        self.arguments = arguments
        if arguments == ("slow",):
            time.sleep(1)
        if arguments == ("broken",):
            raise KeyError("broken\nas asked")

    def answer(self, name, *arguments):
        return ANSWERS[name](*arguments)

    def explain(self, error):
        from backproof.isolation.death import one_line

        return one_line(error) if isinstance(error, Exception) else str(error)
