"""The CuPy backend, on NumPy in CuPy's place: what it asks of CuPy, and what it makes of the answers."""

import sys
import types

import numpy as np
import pytest

from backproof.conformance.cells import plan, problems
from backproof.conformance.decide import decide, tasks
from backproof.core.errors import InputError
from backproof.hosting.evaluation import evaluate
from backproof.hosting.registry import describe, load
from backproof.models import MODELS
from backproof.verdicts.judgement import Verdict

SPEC = "backproof_cupy:backend"


@pytest.fixture
def waited(monkeypatch):
    """NumPy under CuPy's name; how often its device was waited for."""
    calls = []
    device = types.SimpleNamespace(synchronize=lambda: calls.append(1))
    shim = types.ModuleType("cupy")
    shim.__getattr__ = lambda name: getattr(np, name)
    shim.__version__, shim.asnumpy = "14.0", np.asarray
    shim.cuda = types.SimpleNamespace(Device=lambda: device)
    monkeypatch.setitem(sys.modules, "cupy", shim)
    for name in ("backproof_cupy", "backproof_cupy.backend"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    yield calls
    for name in ("backproof_cupy", "backproof_cupy.backend"):
        sys.modules.pop(name, None)


def test_the_equations_on_its_arrays_conform(waited):
    backend = load(SPEC)
    cells = plan(problems(list(MODELS), ["float64", "float32"], "quick", 0), [describe(SPEC, backend)], ["cuda"])
    assert len(cells) == 8
    for cell in cells:
        report = decide(cell, [evaluate(backend, task) for task in tasks(cell)])
        assert report.verdict is Verdict.PASS, (cell.id, report.reason)


def test_descent_is_finished_on_return(waited):
    backend, model = load(SPEC), MODELS["univariate"]
    rng = np.random.default_rng(0)
    arrays = {
        name: backend.from_numpy(rng.standard_normal(model.shape(name, {"m": 7})), "float64", "cuda")
        for name in model.shapes
    }
    params, data = {n: arrays[n] for n in model.params}, {n: arrays[n] for n in model.data}
    ends = backend.descend(model, "reference", params, data, 0.1, 2)
    expected = params
    for _ in range(2):
        gradients = model.gradients(**expected, **data)
        expected = {n: p - 0.1 * gradients[n] for n, p in expected.items()}
    assert all((ends[n] == expected[n]).all() for n in ends)
    assert waited == [1]


def test_without_cupy_it_is_one_line(monkeypatch):
    monkeypatch.setitem(sys.modules, "cupy", None)
    for name in ("backproof_cupy", "backproof_cupy.backend"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    with pytest.raises(InputError, match="no module cupy; install it"):
        load(SPEC)
