"""No pickle of anybody's is ever loaded: a file that holds one is refused, and its code does not run.

Our own processes send each other JSON and raw arrays (`backproof.isolation.frames`): `multiprocessing`, which pickles,
is not imported either.
"""

import ast
import pickle
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parents[2]
ROOMS = ("reference", "backends", "benchmarks", "tools")
SOURCES = sorted(path for room in ROOMS for path in (ROOT / room).rglob("*.py"))
LOADERS = {"pickle", "cPickle", "dill", "cloudpickle", "joblib", "shelve", "marshal", "pandas", "multiprocessing"}


def calls(tree):
    return [node for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)]


def test_nothing_here_loads_pickles():
    assert len(SOURCES) > 150
    loads = 0
    for path in SOURCES:
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            imported = {alias.name for alias in node.names} if isinstance(node, ast.Import) else set()
            imported |= {node.module} if isinstance(node, ast.ImportFrom) else set()
            assert not {str(name).partition(".")[0] for name in imported} & LOADERS, path
        for call in calls(tree):
            whose = ast.unparse(call.func)
            assert whose not in ("torch.load", "np.lib.format.read_array", "sys.setrecursionlimit"), path
            if whose in ("np.load", "numpy.load"):  # a map of objects is refused by NumPy itself
                loads += 1
                given = {keyword.arg: ast.unparse(keyword.value) for keyword in call.keywords}
                assert given.get("allow_pickle") == "False", path
    assert loads > 0


class Malicious:
    def __init__(self, mark):
        self.mark = mark

    def __reduce__(self):
        return Path.touch, (self.mark,)


def poisoned(folder):
    """Files with a pickle that leaves a mark, by their endings."""
    evil = Malicious(folder / "mark")
    plain = pickle.dumps(evil)
    for name in ("plain.npz", "plain.npy", "plain.csv", "plain.json", "plain.txt", "plain.parquet"):
        (folder / name).write_bytes(plain)
    objects = np.array([[evil, evil, evil]], object)
    np.savez(folder / "objects.npz", X=objects, y=np.arange(3.0))
    np.savez(folder / "target.npz", X=np.arange(3.0)[None], y=objects)
    np.save(folder / "objects.npy", objects)
    (folder / "objects.npy").rename(folder / "renamed.npz")


def test_the_poison_would_work(tmp_path):
    poisoned(tmp_path)
    np.load(tmp_path / "objects.npz", allow_pickle=True)["X"]
    assert (tmp_path / "mark").exists()


QUICK = "conform --backend numpy --cells quick --model univariate"


@pytest.mark.parametrize(
    "line",
    [
        "descend multivariate --data plain.npz",
        "descend multivariate --data plain.npy",
        "descend multivariate --data plain.csv",
        "descend multivariate --data objects.npz",
        "descend multivariate --data target.npz",
        "descend multivariate --data renamed.npz",
        "descend multivariate --data objects.npy",
        "descend multivariate --data plain.parquet",
        "descend multivariate --checkpoint plain.npz",
        "descend multivariate --checkpoint objects.npz",
        f"{QUICK} --resume plain.json",
        f"{QUICK} --baseline plain.json",
        f"{QUICK} --resume objects.npz",
        f"{QUICK} --known-failures plain.txt",
        "check plain.txt",
        "benchmarks.table plain.json",
        "benchmarks.page plain.json page.html",
        "benchmarks.streaming --watch objects.npy",
    ],
)
def test_a_pickle_is_refused_and_does_not_run(line, refused, tmp_path, monkeypatch):
    poisoned(tmp_path)
    monkeypatch.chdir(tmp_path)
    refused(*line.split())
    assert not (tmp_path / "mark").exists()
