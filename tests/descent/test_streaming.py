"""Data past memory: the same descent as in memory from every kind of file, at constant memory, with ranks too."""

import json
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest

from backproof import MODELS, InputError
from backproof.descent.data import Data
from backproof.descent.problem import prepare
from backproof.descent.ranks.session import Member, own
from backproof.descent.streaming import passes, sources
from backproof.descent.streaming.columns import Columns
from backproof.descent.streaming.sources import open_source, streamed
from backproof.hosting.protocol import Ranks
from backproof_jax.ranks import JaxRanks
from backproof_numpy.streaming import NumpyAlone
from backproof_torch.ranks import TorchRanks

N, M = 3, 1013
rng = np.random.default_rng(0)
RAW = rng.standard_normal((N, M)) * [[1.0], [50.0], [0.01]] + [[3.0], [-1e3], [7.0]]
TARGET = np.sin(RAW / [[1.0], [50.0], [0.01]]).sum(axis=0)[None, :] * 40 + 1e4


def numba():
    """Numba's tiles, where it is installed."""
    pytest.importorskip("numba", reason="its backend needs it")
    from backproof_numba import NumbaBackend

    return NumbaBackend(tile=64, threads=2).join("cpu", 60)


ENGINES = {"numpy": lambda: NumpyAlone(tile=64, threads=2), "torch": TorchRanks, "jax": JaxRanks, "numba": numba}


def write(folder, kind):
    """The data as one kind of file; its path."""
    file = folder / f"d{kind}"
    if kind == "":
        file.mkdir()
        np.save(file / "X.npy", np.asfortranarray(RAW))
        np.save(file / "y.npy", TARGET[0])
    elif kind == ".npy":
        np.save(file, np.concatenate([RAW, TARGET]))
    elif kind == ".npz":
        np.savez(file, X=RAW, y=TARGET)
    else:
        arrow = pytest.importorskip("pyarrow", reason="Parquet is read by pyarrow")
        from pyarrow import parquet

        table = arrow.table({"a": RAW[0], "y": TARGET[0], "b": RAW[1], "c": RAW[2]})
        parquet.write_table(table, file, row_group_size=100)
    return str(file)


@pytest.mark.parametrize("kind", ["", ".npy", ".npz", ".parquet"])
def test_every_kind_of_file_is_read_as_it_is(kind, tmp_path):
    source = open_source(write(tmp_path, kind))
    assert source.X.shape == (N, M)
    for start, stop in ((0, M), (0, 1), (95, 105), (99, 100), (100, 300), (M - 1, M), (5, 5), (M, M + 9)):
        assert np.array_equal(source.X[:, start:stop], RAW[:, start:stop])
        assert np.array_equal(source.y[:, start:stop], TARGET[:, start:stop])
    part = source.X.between(10, 400).between(5, 300)
    assert part.shape == (N, 295)
    assert np.array_equal(part[:, 100:], RAW[:, 115:310])
    second = source.only(source.features[1])
    assert np.array_equal(second.X[:, 7:300], RAW[1:2, 7:300])
    with pytest.raises(InputError, match="has no feature"):
        source.only("z")


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("name", MODELS)
def test_a_streamed_descent_is_that_in_memory(name, engine, tmp_path, monkeypatch):
    for module in ("torch", "jax"):
        monkeypatch.setattr(f"backproof_{module}.ranks.TILE", 8 * 100 * 23)  # some ten tiles
    model, member = MODELS[name], Member(engine, ENGINES[engine](), engine)
    source, data = open_source(write(tmp_path, ".npy")), Data("made", RAW, TARGET, ("x0", "x1", "x2"))
    if name == "univariate":
        source, data = source.only("x1"), data.only("x1")
    whole = prepare(model, data.standardised(), hidden=5)
    problem, closed = passes.prepare(member, source, model, None, 5, 0)
    assert problem.streamed
    assert problem.stable == (whole.stable and pytest.approx(whole.stable, rel=1e-10))
    assert (closed is None) == (name == "two_layer_nonlinear")
    member.place(model, own(problem.inputs, 0, 1), M)
    params = problem.start
    assert member.loss(params) == pytest.approx(float(model.loss(np, **params, **whole.inputs)), rel=1e-11)
    ends = member.advance(params, whole.learning_rate, 5)
    for _ in range(5):
        dp = model.gradients(**params, **whole.inputs)
        params = {n: p - whole.learning_rate * dp[n] for n, p in params.items()}
    for n, p in params.items():
        assert ends[n].shape == np.shape(p)
        np.testing.assert_allclose(ends[n], p, rtol=1e-9, atol=1e-11)


class Together(Ranks):
    """Several ranks in this process, one after the other: sums are of what each would give."""

    def __init__(self, rank, ranks, sums):
        self.rank, self.ranks, self._sums = rank, ranks, sums

    def reduce(self, values):
        self._sums.append(values)
        return values


def test_moments_are_sums_over_ranks(tmp_path):
    """What the ranks give adds up to the moments, whoever reads which columns; the last rank has none."""
    source, parts = open_source(write(tmp_path, ".npy")), []
    for rank in range(3):
        member = Member("x", Together(rank, 3, parts), "x")
        passes.moments(member, source)
    np.testing.assert_allclose(sum(parts[::2]), np.concatenate([RAW, TARGET]).sum(axis=1, keepdims=True), rtol=1e-12)
    alone = passes.moments(Member("numpy", NumpyAlone(), "numpy"), source)
    deviations = np.concatenate([RAW, TARGET]) - np.concatenate([RAW, TARGET]).mean(axis=1, keepdims=True)
    np.testing.assert_allclose(alone.products, deviations @ deviations.T, rtol=1e-9)


def test_least_squares_of_moments_is_that_of_the_data(tmp_path):
    from backproof.descent import least_squares

    member, data = Member("numpy", NumpyAlone(), "numpy"), Data("made", RAW, TARGET, ()).standardised()
    _, closed = passes.prepare(member, open_source(write(tmp_path, "")), MODELS["multivariate"], None, 5, 0)
    assert closed == pytest.approx(least_squares.fit(data.X, data.y)[2], rel=1e-10)


@pytest.mark.parametrize("store", [np.ascontiguousarray, np.asfortranarray, np.float32, lambda a: a.astype(">f8")])
def test_numba_reads_rows_however_they_lie(store, tmp_path):
    """Seven features: four rows at a time, and three alone."""
    whole = np.concatenate([RAW, RAW[::-1] ** 2, RAW[:1] * RAW[1:2], TARGET])
    np.save(tmp_path / "d.npy", store(whole))
    model, source, ends = MODELS["multivariate"], open_source(str(tmp_path / "d.npy")), []
    for engine in ("numpy", "numba"):
        member = Member(engine, ENGINES[engine](), engine)
        problem, _ = passes.prepare(member, source, model, None, 5, 0)
        member.place(model, own(problem.inputs, 0, 1), M)
        ends.append(member.advance(problem.start, problem.learning_rate, 5))
    for n, p in ends[0].items():
        np.testing.assert_allclose(ends[1][n], p, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize(("backend", "ranks"), [("numpy", 1), ("numba", 1), ("torch", 2)])
def test_the_command_streams_alone_and_with_ranks(backend, ranks, tmp_path):
    options = ["--ranks", str(ranks)] if ranks > 1 else []
    line = ["descend", "multivariate", "--data", write(tmp_path, ".parquet"), "--backend", backend, "--steps", "30"]
    told = json.loads(
        subprocess.run(
            [sys.executable, "-m", "backproof", *line, "--json", "-", *options],
            capture_output=True, check=True, timeout=120,
        ).stdout
    )  # fmt: skip
    assert (told["ranks"], told["examples"], told["features"]) == (ranks, M, ["a", "b", "c"])
    assert (told["random_search"], told["params_bound"]) == (None, None)
    assert 0.2 < told["loss"] == pytest.approx(told["closed_form"]["loss"], rel=1e-6)


def test_memory_stays_while_the_data_grows(tmp_path):
    """RssAnon, the memory that is ours, of two descents of which one has eight times the data of the other."""
    if not Path("/proc/self/status").exists():
        pytest.skip("RssAnon is told by /proc")
    peaks = []
    for megabytes in (16, 128):
        np.save(tmp_path / "d.npy", np.random.default_rng(0).standard_normal((4, megabytes * 2**20 // 32)))
        line = [sys.executable, "-m", "benchmarks.streaming", "--watch", tmp_path / "d.npy", "--steps", "2"]
        told = subprocess.run(line, capture_output=True, check=True, text=True, cwd=Path(__file__).parents[2])
        peaks.append(json.loads(told.stdout)["anonymous_bytes"])
    assert peaks[1] - peaks[0] < 16 * 2**20


BAD = {
    "junk.npy": (b"nonsense", "it is no array of numbers"),
    "empty.npy": (b"", "it is no array of numbers"),
    "junk.parquet": (b"PAR1 nonsense", "it is no Parquet file"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_files_are_one_line(name, tmp_path, backproof):
    content, message = BAD[name]
    (tmp_path / name).write_bytes(content)
    code, out, err = backproof("descend", "multivariate", "--data", tmp_path / name)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert message in err


def test_data_that_cannot_be_descended_on_is_one_line(tmp_path, backproof, monkeypatch):
    monkeypatch.setattr(sources, "LARGE", 100)
    (tmp_path / "folder").mkdir()
    np.save(tmp_path / "flat.npy", np.ones(5))
    np.save(tmp_path / "one.npy", np.ones((3, 1)))
    np.save(tmp_path / "text.npy", np.array([["a", "b"], ["c", "d"]]))
    np.save(tmp_path / "nan.npy", np.where(np.arange(20).reshape(2, 10) == 13, np.nan, 1.0))
    np.save(tmp_path / "constant.npy", np.concatenate([RAW, 0 * TARGET]))
    np.savez_compressed(tmp_path / "squeezed.npz", X=RAW, y=TARGET)
    np.savez(tmp_path / "keys.npz", X=RAW)
    np.savez(tmp_path / "shapes.npz", X=RAW, y=TARGET[:, :-1])
    for name, message in (
        ("folder", "X.npy cannot be read: No such file"),
        ("none.npy", "none.npy cannot be read: No such file"),
        ("flat.npy", r"its shape is (5,); it must be (n + 1, m)"),
        ("one.npy", "it needs two examples at least"),
        ("text.npy", "must be real numbers"),
        ("nan.npy", "some values are not finite or too large"),
        ("constant.npy", "the target is constant"),
        ("squeezed.npz", "it is compressed, and too large for memory; write it with numpy.savez"),
        ("keys.npz", "it is no array of numbers"),
        ("shapes.npz", "they must be (n, m) and (1, m)"),
    ):
        assert streamed(str(tmp_path / name))
        code, out, err = backproof("descend", "multivariate", "--data", tmp_path / name)
        assert (code, out, err.count("\n")) == (2, "", 1), err
        assert message in err
    write(tmp_path, ".npy")
    code, _, err = backproof("descend", "univariate", "--data", tmp_path / "d.npy")
    assert (code, "has 3: x0, x1, x2; choose one with --feature" in err) == (2, True)


def test_a_large_npz_is_mapped_where_it_lies(tmp_path, monkeypatch):
    file = write(tmp_path, ".npz")
    assert not streamed(file)
    monkeypatch.setattr(sources, "LARGE", 100)
    assert streamed(file)
    with zipfile.ZipFile(file) as archive:
        assert {info.compress_type for info in archive.infolist()} == {zipfile.ZIP_STORED}
    assert isinstance(open_source(file).X, Columns)
