"""Children do what they like: their command gets plain data in time or one line, and nothing of them stays."""

import contextlib
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from backproof.isolation import frames
from backproof.isolation.child import Child, ChildError, Died, Refused, TimedOut, TooLarge, Unreadable

PROGRAM = "tests.support.strange_programs:Program"


@pytest.fixture
def child():
    made = []

    def make(*arguments, **options):
        made.append(Child(PROGRAM, arguments, quiet=True, **options))
        return made[-1]

    yield make
    for one in made:
        one.stop()


def alive(pid):
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            return file.read().rpartition(b")")[2].split()[0] != b"Z"
    except OSError:
        return False


def gone(*pids, seconds=10):
    deadline = time.monotonic() + seconds
    while any(map(alive, pids)) and time.monotonic() < deadline:
        time.sleep(0.01)
    return not any(map(alive, pids))


def test_values_come_back_as_they_are(child):
    given = {
        "a": (1, [2.5, "\x00\ud800ü", None, True]),
        "b": float("inf"),
        "c": np.arange(6.0).reshape(2, 3),
        "d": -(2**80),
    }
    (found,) = child().ask("echo", given, seconds=60)
    assert found.keys() == given.keys()
    assert (found["a"], found["b"], found["d"]) == (given["a"], given["b"], given["d"])
    np.testing.assert_array_equal(found["c"], given["c"])


def test_subclasses_arrive_as_what_they_are_made_of(child):
    found = child().ask("kinds", seconds=60)
    assert found[:3] == ["x", 3, 0.5]
    assert [type(one) for one in found] == [str, int, np.ndarray, np.ndarray, bool, type(None), bool]


@pytest.mark.parametrize(
    "name",
    [
        "garbage", "long header", "much data", "lying shape", "negative shape", "overflowing shape", "no dtype",
        "truths", "NaN", "many digits", "brackets", "no such array", "another form", "endless",
    ],
)  # fmt: skip
def test_what_is_no_frame_is_never_taken(name, child):
    start, strange = time.monotonic(), child()
    with pytest.raises(Unreadable, match="cannot be read"):
        strange.ask(name, seconds=30)
    assert time.monotonic() - start < 25
    assert gone(strange.process.pid)


@pytest.mark.parametrize("name", ["object", "by number", "deep", "farewell", "faceless", "exit"])
def test_what_cannot_be_said_is_refused_and_the_child_lives(name, child):
    strange = child()
    with pytest.raises(Refused) as refused:
        strange.ask(name, seconds=30)
    assert "\n" not in str(refused.value)
    assert strange.ask("echo", 1, seconds=30) == (1,)


@pytest.mark.parametrize(
    ("request_", "said"),
    [
        (("leave",), "exit code 5"),
        (("signal", 9), "killed by SIGKILL"),
        (("signal", 40), "killed by signal 40"),
        (("close",), "closed the descriptor"),
        (("grandchild and die",), "exit code 4"),
        (("kill the supervisor",), "killed by SIGKILL"),
    ],
)
def test_a_death_is_told(request_, said, child):
    start, strange = time.monotonic(), child()
    strange.ready()
    with pytest.raises(Died, match=said):
        strange.ask(*request_, seconds=60)
    assert time.monotonic() - start < 30
    assert gone(strange.process.pid)
    with pytest.raises(Died):
        strange.ask("echo", seconds=1)


@pytest.mark.parametrize("request_", [("sleep", 60), ("stop itself",), ("half a frame",), ("half, stopped",)])
def test_every_wait_has_an_end_in_the_middle_of_an_answer_too(request_, child):
    strange = child()
    strange.ready()
    start = time.monotonic()
    with pytest.raises(TimedOut, match="no answer within 1 s"):
        strange.ask(*request_, seconds=1)
    assert 1 <= time.monotonic() - start < 8
    assert gone(strange.process.pid)


def test_a_request_that_is_not_read_has_an_end(child):
    strange = child()
    strange.ready()
    os.kill(strange.process.pid, signal.SIGSTOP)
    with pytest.raises(TimedOut):
        strange.ask("echo", np.zeros(10**7), seconds=1)


def test_the_clock_starts_when_the_child_is_ready(child):
    assert child("slow").ask("echo", 1, seconds=0.9) == (1,)


def test_what_cannot_be_made_says_why(child):
    with pytest.raises(Refused, match=r"KeyError: 'broken.*as asked'"):
        child("broken").ready()
    with pytest.raises(Refused, match="ModuleNotFoundError"):
        Child("no.such:thing", quiet=True).ready()


@pytest.mark.parametrize("kind", ["grandchild", "subprocess"])
def test_grandchildren_end_with_the_child(kind, child):
    strange = child()
    pids = [strange.ask(kind, seconds=60), strange.process.pid]
    assert all(map(alive, pids))
    strange.stop()
    assert not any(map(alive, pids))


def test_a_forked_copy_does_not_answer_a_second_time(child):
    strange = child()
    strange.ask("fork", seconds=60)
    assert [strange.ask("echo", i, seconds=60) for i in range(20)] == [(i,) for i in range(20)]


def test_memory_is_bounded(child):
    strange = child(memory=500 * 2**20)
    strange.ready()
    with pytest.raises(TooLarge, match=r"0\.5 GiB are allowed"):
        strange.ask("hoard", 10**9, seconds=60)
    assert gone(strange.process.pid)


COMMAND = f"""
import os, sys, time
from backproof.isolation.child import Child
child = Child({PROGRAM!r}, quiet=True)
pids = [child.ask("grandchild", seconds=60), child.ask("subprocess", seconds=60), *child.ask("pid", seconds=60)]
print(*pids, flush=True)
child.ask("sleep", 600, seconds=600)
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGHUP, signal.SIGINT, signal.SIGSEGV])
def test_whatever_ends_the_command_ends_all(number):
    with subprocess.Popen(
        [sys.executable, "-c", COMMAND], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as command:
        pids = [int(word) for word in command.stdout.readline().split()]
        assert len(pids) == 4
        command.send_signal(number)
        command.wait(30)
        assert gone(*pids)


def test_no_process_is_one_line(monkeypatch, refused, tmp_path):
    def refuse(*_, **__):
        raise BlockingIOError(11, "Resource temporarily unavailable")

    monkeypatch.setattr(subprocess, "Popen", refuse)
    path = tmp_path / "mine.py"
    path.write_text("")
    assert "the system refuses: Resource temporarily unavailable" in refused("check", path)


SCALARS = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text()
    | arrays.arrays(
        st.sampled_from([*frames.DTYPES.values()]), arrays.array_shapes(min_dims=0, min_side=0, max_side=4)
    )
)  # fmt: skip
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner) | st.lists(inner).map(tuple) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


def encoded(value):
    return b"".join(bytes(piece) for piece in frames.encode(value))


def decoded(data):
    """What a reader makes of bytes; Malformed too where there are too few."""
    size = frames.PREFIX.size
    if len(data) < size:
        raise frames.Malformed("short")
    header, rest = frames.lengths(data[:size])
    if len(data) < size + header + rest:
        raise frames.Malformed("short")
    return frames.decode(*frames.layout(data[size : size + header], rest), bytearray(data[size + header :][:rest]))


def same(a, b):
    if isinstance(a, np.ndarray):
        return type(b) is np.ndarray and (a.dtype, a.shape) == (b.dtype, b.shape) and a.tobytes() == b.tobytes()
    if isinstance(a, dict):
        return type(b) is dict and list(a) == list(b) and all(same(a[key], b[key]) for key in a)
    if isinstance(a, list | tuple):
        return type(a) is type(b) and len(a) == len(b) and all(map(same, a, b))
    return type(a) is type(b) and (a == b or (a != a and b != b))


@given(VALUES)
@settings(max_examples=300, deadline=None)
def test_frames_carry_every_value(value):
    assert same(value, decoded(encoded(value)))


@given(VALUES, st.data())
@settings(max_examples=500, deadline=None)
def test_a_broken_frame_is_malformed_or_plain(value, data):
    """Bytes cut, changed and put in anywhere: what is read is plain data, of sizes that are there, or Malformed."""
    whole = bytearray(encoded(value))
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(whole)))
        match data.draw(st.sampled_from(["cut", "change", "insert"])):
            case "cut":
                del whole[at : at + data.draw(st.integers(1, 9))]
            case "change" if at < len(whole):
                whole[at] = data.draw(st.integers(0, 255))
            case "insert":
                whole[at:at] = data.draw(st.binary(min_size=1, max_size=9))
    with contextlib.suppress(frames.Malformed):
        plain(decoded(bytes(whole)))


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda x: st.lists(x) | st.dictionaries(st.text() | st.sampled_from(["tuple", "dict", "array", "float"]), x),
    ),
    st.lists(
        st.tuples(st.sampled_from([*frames.DTYPES, "object", "str"]), st.lists(st.integers(-2, 2**40), max_size=3)).map(
            list
        ),
        max_size=2,
    ),
)
@settings(max_examples=300, deadline=None)
def test_any_json_is_malformed_or_plain(tree, told):
    import json

    header = json.dumps({"value": tree, "arrays": told}).encode()
    with contextlib.suppress(frames.Malformed):
        plain(decoded(frames.PREFIX.pack(frames.MAGIC, len(header), 64) + header + bytes(64)))


def plain(value):
    if type(value) in (list, tuple):
        for item in value:
            plain(item)
    elif type(value) is dict:
        plain([*value, *value.values()])
    else:
        assert type(value) in (type(None), bool, int, float, str, np.ndarray)


def test_every_error_is_a_child_error():
    assert all(issubclass(kind, ChildError) for kind in (Died, Refused, TimedOut, TooLarge, Unreadable))
