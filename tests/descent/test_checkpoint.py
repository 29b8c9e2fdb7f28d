"""Checkpoints: what was interrupted ends at the same bits; what is damaged or another's is refused; ranks that die."""

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from functools import cache
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from backproof import MODELS, InputError
from backproof.descent.checkpoint import MOST_KEPT, Checkpoint
from backproof.descent.data import Data
from backproof.descent.descent import Alone, follow, looks, stops
from backproof.descent.problem import prepare
from backproof.descent.ranks.session import Kept, Member, RankFailure
from backproof.hosting.worker import Worker

pytest.importorskip("safetensors", reason="checkpoints are safetensors files")
rng = np.random.default_rng(0)
DATA = Data("made", rng.standard_normal((3, 101)), rng.standard_normal((1, 101)), ("a", "b", "c")).standardised()


@cache
def started(backend):
    worker = Worker(backend)
    return worker, worker.start()


def engine(backend, problem):
    return Alone(*started(backend), problem)


def interrupted(backend, problem, file, steps, after):
    """A descent that is broken off once `after` steps are made and watched; the state stays in `file`."""
    made = 0

    def watch(number):
        nonlocal made
        made += number
        if made >= after:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        follow(engine(backend, problem), problem, steps, watch, Checkpoint(str(file), 7))


@pytest.mark.parametrize(("backend", "hidden"), [("numpy", 5), ("numpy", 80), ("torch", 5), ("jax", 5)])
def test_a_resumed_descent_is_the_uninterrupted_one_to_the_last_bit(backend, hidden, tmp_path):
    problem = prepare(MODELS["two_layer_nonlinear"], DATA, hidden=hidden)
    whole = follow(engine(backend, problem), problem, 60)
    interrupted(backend, problem, tmp_path / "c", 60, after=33)
    made = []
    resumed = follow(engine(backend, problem), problem, 60, made.append, Checkpoint(str(tmp_path / "c"), 7))
    assert made[0] == 28  # the last multiple of 7 that was reached
    assert sum(made) == 60
    assert [(p.step, p.loss) for p in resumed.path] == [(p.step, p.loss) for p in whole.path]
    few = sum(np.size(p) for p in problem.start.values()) <= MOST_KEPT
    assert few is (hidden == 5)
    points = len(whole.path) if few else 1  # of many parameters, the last alone are kept
    for ours, theirs in zip(resumed.path[-points:], whole.path[-points:], strict=True):
        assert all(np.asarray(ours.params[n]).tobytes() == np.asarray(v).tobytes() for n, v in theirs.params.items())
    again = follow(engine(backend, problem), problem, 60, checkpoint=Checkpoint(str(tmp_path / "c"), 7))
    assert all(np.array_equal(again.end.params[n], v) for n, v in whole.end.params.items())


@pytest.mark.parametrize(("done", "steps", "every"), [(0, 60, 7), (28, 60, 7), (0, 500, 1000), (0, 5, 1), (60, 60, 7)])
def test_it_stops_at_looks_and_at_multiples(done, steps, every):
    wanted = {look for look in looks(steps) if look > done} | {n for n in range(done + 1, steps) if n % every == 0}
    assert list(stops(done, looks(steps), every)) == sorted(wanted)


@pytest.fixture
def kept(tmp_path):
    """A checkpoint at step 20, and its problem."""
    problem = prepare(MODELS["multivariate"], DATA)
    file = tmp_path / "c.safetensors"
    follow(engine("numpy", problem), problem, 20, checkpoint=Checkpoint(str(file), 7))
    return file, problem


@pytest.mark.parametrize("share", [0.0, 0.01, 0.5, 0.99])
def test_a_file_cut_short_is_refused(kept, share):
    file, problem = kept
    file.write_bytes(file.read_bytes()[: int(share * file.stat().st_size)])
    with pytest.raises(InputError, match="is no safetensors file, or was cut short; remove it"):
        Checkpoint(str(file), 7).load(problem, "numpy")


def test_every_changed_byte_is_noticed(kept):
    file, problem = kept
    whole = file.read_bytes()
    for place in range(0, len(whole), 13):
        file.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        with pytest.raises(InputError):
            Checkpoint(str(file), 7).load(problem, "numpy")
    file.write_bytes(whole)
    assert Checkpoint(str(file), 7).load(problem, "numpy")[1] == 20


def test_another_descents_file_is_refused_and_kept(kept):
    file, problem = kept
    whole = file.read_bytes()
    other = Data("made", DATA.X[:, ::-1].copy(), DATA.y, DATA.features)
    for theirs, backend, key in (
        (prepare(MODELS["two_layer_linear"], DATA), "numpy", "model"),
        (prepare(MODELS["multivariate"], other), "numpy", "data"),
        (prepare(MODELS["multivariate"], DATA, seed=1), "numpy", "start"),
        (replace(problem, learning_rate=np.nextafter(problem.learning_rate, 1)), "numpy", "learning_rate"),
        (problem, "torch", "backend"),
    ):
        with pytest.raises(InputError, match=f"is of another descent: {key} .*; name another file, or remove it"):
            Checkpoint(str(file), 7).load(theirs, backend)
    from safetensors.numpy import save_file

    save_file({"w": np.ones(3)}, file.with_name("foreign"))
    with pytest.raises(InputError, match="is of another descent: format None"):
        Checkpoint(str(file.with_name("foreign")), 7).load(problem, "numpy")
    assert file.read_bytes() == whole


def test_a_failed_write_leaves_the_old_file_and_nothing_else(kept, monkeypatch):
    file, problem = kept
    whole = file.read_bytes()

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(InputError, match="cannot be written: No space left on device"):
        follow(engine("numpy", problem), problem, 40, checkpoint=Checkpoint(str(file), 7))
    assert (file.read_bytes(), os.listdir(file.parent)) == (whole, [file.name])


def test_of_ranks_the_first_alone_writes_and_says_what_is_wrong_with_it(tmp_path):
    problem, file = prepare(MODELS["multivariate"], DATA), str(tmp_path / "c")
    members = [Member("x", SimpleNamespace(rank=rank, ranks=2), "x") for rank in (0, 1)]
    follow(engine("numpy", problem), problem, 20, checkpoint=Kept(file, 7, members[1]))
    assert os.listdir(tmp_path) == []
    follow(engine("numpy", problem), problem, 20, checkpoint=Kept(file, 7, members[0]))
    assert Kept(file, 7, members[1]).load(problem, "numpy")[1] == 20
    with pytest.raises(RankFailure, match=r"^rank 0 of 2: .*gone/c"):
        follow(engine("numpy", problem), problem, 20, checkpoint=Kept(str(tmp_path / "gone/c"), 7, members[0]))


def test_options_that_do_not_fit_are_one_line(kept, backproof, tmp_path):
    np.savez(tmp_path / "d.npz", X=DATA.X, y=DATA.y)
    data = ["--data", tmp_path / "d.npz", "--checkpoint", tmp_path / "k"]
    assert backproof("descend", "multivariate", "--every", "5")[2].startswith("backproof: --every is for --checkpoint")
    assert backproof("descend", "multivariate", *data, "--steps", "30")[0] == 0
    code, out, err = backproof("descend", "multivariate", *data, "--steps", "20")
    assert (code, out) == (2, "")
    assert err == "backproof: the checkpoint is at step 30, beyond --steps 20; ask for more steps\n"
    code, _, err = backproof("descend", "multivariate", *data, "--steps", "40", "--seed", "1")
    assert (code, err.count("\n")) == (2, 1)
    assert "is of another descent: start" in err


def command(data, backend, *options):
    line = ["-m", "backproof", "descend", "two_layer_nonlinear", "--data", data, "--backend", backend, *options]
    return [sys.executable, *map(str, line)]


def parameters(data, backend, *options):
    ended = subprocess.run(
        command(data, backend, "--json", "-", *options), capture_output=True, check=True, timeout=120
    )
    return json.loads(ended.stdout)["params"]


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="finds the ranks in /proc")
@pytest.mark.parametrize(
    ("backend", "ranks", "sign"), [("torch", 3, "SIGKILL"), ("jax", 2, "SIGKILL"), ("jax", 2, "SIGSTOP")]
)
def test_a_rank_that_is_gone_ends_all_and_the_descent_goes_on_from_its_checkpoint(backend, ranks, sign, tmp_path):
    np.savez(tmp_path / "d.npz", X=DATA.X, y=DATA.y)
    data, file = tmp_path / "d.npz", tmp_path / "c"
    together = ("--ranks", ranks, "--checkpoint", file, "--every", "10")
    line = command(data, backend, "--steps", 10**7, "--rank-timeout", 8 if sign == "SIGSTOP" else 300, *together)
    launcher = subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        deadline = time.monotonic() + 100
        while not file.exists() and time.monotonic() < deadline:
            time.sleep(0.05)
        theirs = [rank for supervisor in children(launcher.pid) for rank in children(supervisor)]
        assert len(theirs) == ranks
        os.kill(theirs[-1], signal.Signals[sign])
        since = time.monotonic()
        out, err = launcher.communicate(timeout=60)
    finally:
        launcher.kill()
    assert time.monotonic() - since < (20 if sign == "SIGKILL" else 40)
    assert (launcher.returncode, out) == (2, "")
    lost = "was killed by SIGKILL" if sign == "SIGKILL" else "did not end in 15 s"
    assert f"backproof: rank {ranks - 1} of {ranks} {lost}; all ranks ended" in err.splitlines()
    assert sum("another rank is gone or silent" in line for line in err.splitlines()) == ranks - 1, err
    assert len(err.splitlines()) == ranks
    assert not any(Path(f"/proc/{pid}").exists() for pid in theirs)
    if backend == "torch":
        from safetensors import safe_open

        with safe_open(file, "numpy") as kept:
            steps = int(kept.metadata()["step"]) + 25
        alone = parameters(data, backend, "--ranks", ranks, "--steps", steps)
        assert parameters(data, backend, *together, "--steps", steps) == alone


def children(pid):
    """Process ids, in the order of their start, of the children of `pid`."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[1]) == pid:
            found.append((int(fields[19]), int(stat.parent.name)))
    return [child for _, child in sorted(found)]
