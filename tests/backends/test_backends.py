"""The three backends by the protocol: their own forwards, dtypes honoured, descent on the device."""

import ast
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import backproof_jax
import backproof_numba
import backproof_numpy
import backproof_torch
from backproof import MODELS
from backproof.hosting.registry import MEMBERS, describe, registered

MODULES = (backproof_numpy, backproof_numba, backproof_torch, backproof_jax)
BACKENDS = {module.backend.name: module.backend for module in MODULES}
DESCRIBED = {name: describe(name, backend) for name, backend in BACKENDS.items()}
SERIES = [(b, one) for b in BACKENDS.values() for one in DESCRIBED[b.name].series if DESCRIBED[b.name].runs(one, "cpu")]
OFFERED = [(backend, dtype) for backend in BACKENDS.values() for dtype in backend.dtypes]
TYPES = ("backproof.models.model", "backproof.hosting.series")  # the protocol's
NAMES = [f"{backend.name}-{dtype}" for backend, dtype in OFFERED]


def problem(model, backend, dtype="float64"):
    rng = np.random.default_rng(0)
    arrays = {a: rng.standard_normal(model.shape(a, {"n": 3, "m": 7, "k": 5})) for a in model.shapes}
    ours = {a: backend.from_numpy(value.astype("float32"), dtype, "cpu") for a, value in arrays.items()}
    return {a: ours[a] for a in model.params}, {a: ours[a] for a in model.data}


def test_every_backend_is_registered_and_whole():
    assert set(registered()) == set(BACKENDS)
    for backend in BACKENDS.values():
        assert all(hasattr(backend, member) for member in MEMBERS)
        assert describe(backend.name, backend).settings


@pytest.mark.parametrize("folder", ["backproof_torch", "backproof_jax"])
def test_autodiff_backends_import_no_equation_of_the_reference(folder):
    """A bug shared with the reference could hide; only the protocol's types may be shared."""
    for file in (Path(__file__).parents[2] / "backends" / folder).rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert all(name in TYPES for name in names if name.split(".")[0] == "backproof")


def test_autodiff_series_never_run_the_equations(monkeypatch):
    """The hand-derived controls get them by the model they are handed; every other series must do without."""

    def refused(*namespace, **arrays):
        raise AssertionError("the hand-derived equations were asked for")

    for backend in (backproof_torch.backend, backproof_jax.backend):
        for series in (series for owner, series in SERIES if owner is backend):
            model = replace(MODELS["multivariate"], loss=refused, gradients=refused)
            params, data = problem(model, backend)
            if series.name in ("manual", "fused"):
                with pytest.raises(Exception, match="hand-derived equations"):
                    backend.evaluate(model, series.name, params, data)
            elif not series.slow_to_compile:
                backend.evaluate(model, series.name, params, data)
                backend.descend(model, series.name, params, data, 0.1, 2)


@pytest.mark.parametrize(("backend", "dtype"), OFFERED, ids=NAMES)
def test_arrays_travel_unchanged_with_their_dtypes_name(backend, dtype):
    values = np.array([[1.5, -0.25, 2.0**-10]], "float32")
    back, name = backend.to_numpy(backend.from_numpy(values, dtype, "cpu"))
    np.testing.assert_array_equal(back, values)
    assert name == dtype
    assert back.dtype == ("float32" if dtype == "bfloat16" else dtype)


@pytest.mark.parametrize(("backend", "dtype"), OFFERED, ids=NAMES)
@pytest.mark.parametrize("model", MODELS.values(), ids=lambda model: model.name)
def test_results_have_the_dtype_asked_for(model, backend, dtype):
    params, data = problem(model, backend, dtype)
    loss, output, gradients = backend.evaluate(model, DESCRIBED[backend.name].series[0].name, params, data)
    assert backend.to_numpy(loss)[0].shape == ()
    assert backend.to_numpy(output)[0].shape == (1, 7)
    for name, gradient in gradients.items():
        values, dtype_had = backend.to_numpy(gradient)
        assert (values.shape, dtype_had) == (backend.to_numpy(params[name])[0].shape, dtype)


@pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning")  # PyTorch's own, where it compiles
@pytest.mark.parametrize(("backend", "series"), SERIES, ids=[f"{b.name}:{one.name}" for b, one in SERIES])
@pytest.mark.parametrize("model", MODELS.values(), ids=lambda model: model.name)
def test_descend_is_so_many_steps_along_the_gradient_and_spares_its_arguments(model, backend, series):
    if not DESCRIBED[backend.name].offers(series, model.name):
        return
    if series.slow_to_compile and model.name != "two_layer_nonlinear":
        pytest.skip("it compiles for seconds; the full set of cells holds it")
    params, data = problem(model, backend)
    before = {name: backend.to_numpy(p)[0].copy() for name, p in params.items()}
    ends = backend.descend(model, series.name, params, data, 0.1, 3)
    numbers = {name: backend.to_numpy(value)[0] for name, value in data.items()}
    expected = before
    for _ in range(3):
        gradients = model.gradients(**expected, **numbers)
        expected = {name: p - 0.1 * gradients[name] for name, p in expected.items()}
    for name, p in ends.items():
        values, dtype = backend.to_numpy(p)
        np.testing.assert_allclose(values, expected[name], rtol=1e-12)
        assert dtype == "float64"
        np.testing.assert_array_equal(backend.to_numpy(params[name])[0], before[name])
