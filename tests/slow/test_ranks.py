"""Data-parallel ranks: within the bound of the one-rank truth, the same bits on all, one command on many processes."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from backproof import MODELS, InputError
from backproof.conformance.cells import Problem, plan
from backproof.conformance.decide import decide, tasks
from backproof.conformance.trajectories import TRAJECTORIES
from backproof.descent.ranks.backend import RANKS, Pool
from backproof.descent.ranks.launch import environment, place
from backproof.descent.ranks.session import Member, own
from backproof.hosting.worker import Worker
from backproof.verdicts.judgement import Verdict


def problem(model, dtype="float64", regime="normal", m=7):
    dims = tuple((letter, {"n": 3, "m": m, "k": 5}[letter]) for letter in MODELS[model].letters)
    return Problem(model, dims, regime, dtype)


TORCH = [problem(model, dtype) for model in MODELS for dtype in ("float64", "float32")]
TORCH += [problem(model, regime=regime) for model in MODELS for regime in TRAJECTORIES]
TORCH += [problem("two_layer_linear", m=1)]
JAX = [
    problem("two_layer_nonlinear", "float32"),
    problem("univariate"),
    problem("multivariate", regime="steps3-strided"),
]


@pytest.mark.parametrize(("spec", "problems"), [("torch-ranks", TORCH), ("jax-ranks", JAX)])
def test_ranks_are_within_the_bound_of_the_one_rank_truth(spec, problems):
    """1, 2, 3 and 8 processes (of JAX virtual devices too), unequal shares and empty ones; other bits are an ERROR."""
    worker = Worker(spec)
    try:
        cells = plan(problems, [worker.start()], ["cpu"])
        reports = [decide(cell, [worker.run(task, 120) for task in tasks(cell)]) for cell in cells]
    finally:
        worker.close()
    assert [(r.cell.id, r.verdict, r.reason) for r in reports if r.verdict is not Verdict.PASS] == []
    assert len(reports) == len(problems) * len(RANKS) * (2 if spec == "jax-ranks" else 1)


def pool(ranks):
    found = object.__new__(Pool)
    found._children = list(range(ranks))
    return found


@pytest.mark.parametrize("m", [1, 7, 100])
@pytest.mark.parametrize("ranks", RANKS)
def test_shares_are_unequal_and_whole(ranks, m):
    y = np.arange(m)[None, :]
    for shares in (pool(ranks).shares({"y": y}), [own({"y": y}, r, ranks) for r in range(ranks)]):
        assert (np.concatenate([share["y"] for share in shares], axis=1) == y).all()
    widths = [share["y"].shape[1] for share in pool(ranks).shares({"y": y})]
    assert ranks == 1 or len(set(widths)) > 1
    assert ranks < 3 or widths[-1] == 0


def test_ranks_whose_bits_differ_do_not_answer(monkeypatch):
    one = (np.float64(1), {"w": np.ones((1, 2))})
    other = (np.float64(1), {"w": np.array([[1, np.nextafter(1, 2)]])})
    for answers, wrong in (([one, one, one], False), ([one, one, other], True)):
        monkeypatch.setattr(Pool, "ask", lambda *_, answers=answers: answers)
        if wrong:
            with pytest.raises(RuntimeError, match="rank 2 of 3 and rank 0 have not the same bits"):
                pool(3).same("evaluate", [])
        else:
            assert pool(3).same("evaluate", []) is one


def test_ranks_that_were_given_different_data_say_so():
    class Two:
        """Rank 0, beside a rank that has `theirs`."""

        rank, ranks = 0, 2

        def reduce(self, values):
            ours, self.values = self.values, values
            return values + ours

    two = Two()
    member = Member("torch", two, "torch")
    two.values = np.zeros((2, 32))
    with pytest.raises(InputError, match="the ranks differ in data"):
        member.agree("data", np.ones(3))
    two.values = two.values.copy()  # the bits of the same data, as the other rank sends them
    member.agree("data", np.ones(3))


def test_the_environment_tells_a_process_its_place(monkeypatch):
    for name in ("RANK", "WORLD_SIZE", "JAX_PROCESS_ID", "JAX_NUM_PROCESSES"):
        monkeypatch.delenv(name, raising=False)
    assert place() is None
    for name, value in environment(2, 3, 1234).items():
        monkeypatch.setenv(name, value)
    assert place() == (2, 3)
    monkeypatch.delenv("WORLD_SIZE")
    assert place() == (2, 3)
    monkeypatch.setenv("JAX_NUM_PROCESSES", "x")
    assert place() is None


@pytest.fixture(scope="module")
def points(tmp_path_factory):
    """101 examples of 3 features, and what one process makes of them."""
    folder, rng = tmp_path_factory.mktemp("points"), np.random.default_rng(0)
    X = rng.standard_normal((3, 101))
    np.savez(folder / "d.npz", X=X, y=np.sin(X).sum(axis=0))
    return folder / "d.npz", json.loads(descended([], folder / "d.npz", "numpy").stdout)


def descended(options, data, backend, launcher=("-m",)):
    """`backproof descend ... --json -` in a process of its own."""
    command = [*launcher, "backproof", "descend", "two_layer_nonlinear", "--data", data, "--backend", backend]
    return subprocess.run(
        [sys.executable, *command, "--steps", "40", "--json", "-", *options],
        capture_output=True, text=True, check=False, timeout=120, env=os.environ | {"OMP_NUM_THREADS": "1"},
    )  # fmt: skip


TORCHRUN = ("-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m")


@pytest.mark.parametrize(
    ("backend", "options", "launcher"),
    [("torch", [], TORCHRUN), ("torch", ["--ranks", "2"], ("-m",)), ("jax", ["--ranks", "2"], ("-m",))],
    ids=["torchrun", "torch", "jax"],
)
def test_a_command_as_two_ranks_ends_where_one_process_does(points, backend, options, launcher):
    data, alone = points
    ended = descended(options, data, backend, launcher)
    assert ended.returncode == 0, ended.stderr
    told = json.loads(ended.stdout)
    assert told["ranks"] == 2
    for name, value in told["params"].items():
        difference = np.asarray(value) - np.asarray(alone["params"][name])
        assert np.linalg.norm(difference) <= 2 * alone["params_bound"]
    assert told["loss"] == pytest.approx(alone["loss"], rel=1e-12)


@pytest.mark.parametrize(
    ("options", "backend", "message"),
    [
        ([], "numpy", "backend numpy offers no ranks; torch and jax do"),
        (["--learning-rate", "1e6"], "torch", "the descent diverges"),
        (["--learning-rate", "1e6"], "jax", "the descent diverges"),
    ],
)
def test_a_users_error_is_said_once(points, options, backend, message):
    ended = descended(["--ranks", "2", *options], points[0], backend)
    assert (ended.returncode, ended.stdout, ended.stderr.count("\n")) == (2, "", 1)
    assert message in ended.stderr


@pytest.mark.parametrize("backend", ["torch", "jax"])
def test_what_one_rank_alone_meets_is_said_by_it(tmp_path, backend):
    table, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    data, values = tmp_path / "d.parquet", np.random.default_rng(0).standard_normal((2, 900))
    parquet.write_table(table.table({"x": values[0], "y": values[1]}), data, row_group_size=100, use_dictionary=False)
    page = parquet.ParquetFile(data).metadata.row_group(8).column(0).data_page_offset
    content = data.read_bytes()
    data.write_bytes(content[:page] + b"\xff" * 60 + content[page + 60 :])
    ended = descended(["--ranks", "2"], data, backend)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert f"backproof: rank 1 of 2: {data} is damaged: row group 8 cannot be read\n" in ended.stderr


def test_another_number_of_ranks_than_the_environment_says_is_refused(points, monkeypatch, backproof):
    monkeypatch.setenv("RANK", "0")
    monkeypatch.setenv("WORLD_SIZE", "4")
    code, _, err = backproof("descend", "multivariate", "--data", points[0], "--ranks", "3")
    assert (code, err) == (2, "backproof: --ranks is 3, and the environment says 4; leave --ranks out\n")


@pytest.mark.parametrize("spec", ["torch", "jax"])
def test_ranks_of_one_machine_listen_on_its_loopback_alone(spec):
    pool = Pool(spec, 2)
    try:
        data = {"X": np.ones((3, 7)), "y": np.ones((1, 7))}
        params = {"w": np.ones((1, 3)), "b": np.float64(0)}
        assert pool.same("evaluate", [("multivariate", params, share, 7) for share in pool.shares(data)])[0] == 4
        found = [address for child in pool._children for address in listening(child.process.pid)]
    finally:
        pool.close()
    assert found
    assert set(found) <= {"0100007F", "0000000000000000FFFF00000100007F", "00000000000000000000000001000000"}


def listening(pid):
    """The addresses that a process listens on, as the kernel writes them."""
    names = {os.readlink(entry.path) for entry in os.scandir(f"/proc/{pid}/fd") if os.path.lexists(entry.path)}
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/{pid}/net/{table}").read_text().splitlines()[1:]:
            words = line.split()
            if words[3] == "0A" and f"socket:[{words[9]}]" in names:
                yield words[1].partition(":")[0]
