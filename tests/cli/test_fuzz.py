"""Loaders and checks under arbitrary input: a result or one InputError of one line, never anything else."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from tests.support.fuzzing import ANYTHING, one_line_or_fine

from backproof import MODELS
from backproof.descent.data import load
from backproof.results import known_failures, resume

ENVIRONMENT = {"backproof": "0", "seed": 0, "numpy": "2", "python-flint": "0", "backends": {}}


@pytest.mark.parametrize("ending", [".csv", ".npz"])
@settings(max_examples=200, deadline=None)
@given(content=st.binary(max_size=80) | st.text("0123456789.,-ye\n x", max_size=80).map(str.encode))
def test_any_bytes_as_data(ending, content, tmp_path_factory):
    path = tmp_path_factory.getbasetemp() / f"any{ending}"
    path.write_bytes(content)
    data = one_line_or_fine(load, str(path))
    if data is not None:
        assert data.X.shape[1] == data.y.shape[1] > 0
        assert np.isfinite(data.X).all()


def resumed(path):
    return one_line_or_fine(resume.read, str(path))


@settings(max_examples=100, deadline=None)
@given(content=st.binary(max_size=60) | ANYTHING.map(lambda v: json.dumps(v).encode()))
def test_any_bytes_to_resume_or_as_known_failures(content, tmp_path_factory):
    path = tmp_path_factory.getbasetemp() / "any"
    path.write_bytes(content)
    resumed(path)
    for entry in one_line_or_fine(known_failures.load, str(path)) or []:
        assert entry.pattern
        assert entry.reason


@settings(max_examples=100, deadline=None)
@given(cells=st.lists(ANYTHING, max_size=3))
def test_any_cells_to_resume(cells, tmp_path_factory):
    path = tmp_path_factory.getbasetemp() / "cells"
    path.write_text(json.dumps({"environment": ENVIRONMENT, "cells": cells}))
    resumed(path)


@pytest.mark.parametrize("model", MODELS.values(), ids=lambda model: model.name)
@settings(max_examples=100, deadline=None)
@given(data=st.data())
def test_any_arrays_to_a_model(model, data):
    """What passes the checks is computed: gradients of the parameters' shapes and dtype."""
    odd_shapes = arrays.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=3)
    odd_dtypes = st.sampled_from(["float32", "float16", "int64", "bool", "complex128"])
    oddities = st.sampled_from(["none", "none", "none", "shape", "dtype"])
    drawn = {}
    for name in model.shapes:
        oddity = data.draw(oddities)
        shape = data.draw(odd_shapes) if oddity == "shape" else model.shape(name, {"n": 2, "m": 3, "k": 2})
        drawn[name] = np.ones(shape, data.draw(odd_dtypes) if oddity == "dtype" else "float64")
    params, inputs = ({name: drawn[name] for name in names} for names in (model.params, model.data))
    result = one_line_or_fine(model.evaluate, params, inputs)
    if result is not None:
        for name, gradient in result[1].items():
            assert (gradient.shape, gradient.dtype) == (params[name].shape, params[name].dtype)
