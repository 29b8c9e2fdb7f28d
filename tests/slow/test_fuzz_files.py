"""Files whose bytes or tokens are damaged: read, or one line of what is wrong with them."""

import io
import random
import re
from contextlib import suppress
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.derivations import GALLERY, LINEAR
from tests.support.fuzzing import one_line_or_fine

from backproof.derivation.check import check
from backproof.descent.data import load
from backproof.descent.ranks.session import Member
from backproof.descent.streaming.passes import moments
from backproof.descent.streaming.sources import open_source, streamed
from backproof.results import known_failures


@settings(max_examples=200, deadline=None)
@given(lines=st.lists(st.text(max_size=20) | st.sampled_from(["# all", "a-*-[b reason", "[!] x", "id", "id why # no"])))
def test_any_known_failures(lines, tmp_path_factory):
    path = tmp_path_factory.getbasetemp() / "known"
    path.write_text("\n".join(lines), encoding="utf-8", errors="replace")
    for entry in one_line_or_fine(known_failures.load, str(path)) or []:
        assert entry.reason


def saved(save, **arrays):
    written = io.BytesIO()
    save(written, **arrays)
    return written.getvalue()


GOOD = {"X": np.arange(6.0).reshape(2, 3), "y": np.array([1.0, 2.0, 4.0])}
TABLE = {"a": [1.0, 2.0, 3.0], "b": [4, 5, 7], "y": [1.5, None, 2.5]}


def parquet():
    arrow, form = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    written = io.BytesIO()
    form.write_table(arrow.table(TABLE), written)
    return written.getvalue()


FILES = {
    ".npy": [saved(lambda f, X, y: np.save(f, np.concatenate([X, y[None]])), **GOOD)],
    ".parquet": [],
    ".npz": [saved(np.savez, **GOOD), saved(np.savez_compressed, **GOOD), saved(lambda f, X, y: np.save(f, X), **GOOD)],
    ".csv": [
        b"a,b,y\n1,2,3\n4,5,6\n7,8,10\n",
        "a;y\r\n1;2\r\n".encode("utf-16"),
        b"\xef\xbb\xbfa,y\n1,2\n3,4\n",
    ],
}


def read_through(path):
    """What a streamed descent reads, all of it."""
    source = open_source(path)
    if source.X.shape[1] < 10**6:  # a number of examples was damaged: nobody waits for that here
        moments(Member("x", SimpleNamespace(rank=0, ranks=1, reduce=lambda values: values), "x"), source)


@pytest.mark.parametrize("ending", FILES)
@settings(max_examples=500, deadline=None)
@given(data=st.data())
def test_any_damaged_data(ending, data, tmp_path_factory):
    """A few bytes of a good file are changed, taken out or put in."""
    content = bytearray(data.draw(st.sampled_from(FILES[ending] or [parquet()])))
    for at, new in data.draw(st.lists(st.tuples(st.integers(0, len(content) - 1), st.binary(max_size=2)), max_size=4)):
        content[at : at + data.draw(st.integers(0, 2))] = new
    path = tmp_path_factory.getbasetemp() / f"damaged{ending}"
    path.write_bytes(content[: data.draw(st.integers(0, len(content)))] if data.draw(st.booleans()) else content)
    with suppress(MemoryError):  # a size was damaged; the command says so in one line
        one_line_or_fine(read_through if streamed(str(path)) else load, str(path))


@pytest.mark.parametrize("seed", range(12))
def test_any_damaged_derivation(seed, tmp_path):
    """A few tokens of a good derivation are changed, taken out or put in: a verdict, or one line."""
    rng = random.Random(seed)
    source = rng.choice([LINEAR, *(path.read_text() for path in sorted(GALLERY.glob("*.py")))])
    path = tmp_path / "damaged.py"
    path.write_text(damaged(source, rng), encoding="utf-8")
    result = one_line_or_fine(check, str(path), 5.0, 0, False)
    assert result is None or result.verdict.value in ("pass", "fail", "inconclusive")


def damaged(source, rng):
    """`source` with one to three changes."""
    tokens = re.findall(r"\w+|\s+|[^\w\s]", source)
    for _ in range(rng.randint(1, 3)):
        at = rng.randrange(len(tokens))
        change = rng.randrange(4)
        if change == 0:
            tokens[at] = rng.choice(
                ["0", "-1", "m", "X", ".T", "*", "@", "None", "1e400", "lambda", "nan", "()", "[0]"]
            )
        elif change == 1:
            del tokens[at]
        elif change == 2:
            tokens.insert(at, rng.choice(tokens))
        else:
            tokens[at] = rng.choice(tokens)
    return "".join(tokens)
