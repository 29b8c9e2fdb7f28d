"""The probe that shows a lower precision: what narrow arithmetic answers to it, and what a mistake does."""

import numpy as np
import pytest
from tests.support.planted_mistakes import MISTAKES, Kernels

from backproof.conformance.cells import Cell, Problem
from backproof.conformance.probe import FOR_FILES, NARROWER, SCALES, SHAPE, exact, full, probe_cell, probe_tasks, shown
from backproof.conformance.user_model import UserModel
from backproof.hosting.evaluation import Evaluation, Failure
from backproof.models import MODELS
from backproof.rounding.formats import FORMATS, PRODUCTS

CUTS = {"rounded": lambda fmt: fmt.round, "chopped": lambda fmt: fmt.chop}


def cell(model, dtype="float32", **options):
    dims = tuple((letter, SHAPE[letter]) for letter in MODELS[model].letters)
    return Cell(Problem(model, dims, "probe", dtype), "planted", "hand", "cpu", **options)


def answers(asked, kernels, through=None):
    """The kernels' answers to a probe's cell, computed in the dtype `through`."""
    found = []
    for task in probe_tasks(asked):
        model, arrays = MODELS[task.model], {n: np.asarray(a, through or a.dtype) for n, a in task.arrays.items()}
        params, data = ({name: arrays[name] for name in names} for names in (model.params, model.data))
        loss, output, gradients = kernels.evaluate(model.name, params, data)
        said = {n: (np.asarray(v, task.dtype), task.dtype) for n, v in (*gradients.items(), ("", loss), (" ", output))}
        found.append(Evaluation(said.pop(""), said.pop(" "), said, 0.0))
    return found


class Cut(Kernels):
    """The factors of products cut to a format, sums in the dtype of the arrays."""

    def __init__(self, cut):
        self.cut = cut

    def product(self, a, b):
        return np.matmul(*(np.asarray(self.cut(np.asarray(v, np.float64)), v.dtype) for v in (a, b)))


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_right_arithmetic_shows_nothing(model, dtype):
    assert shown(cell(model, dtype), answers(cell(model, dtype), Kernels())) is None


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("cut", CUTS)
@pytest.mark.parametrize("fmt", NARROWER, ids=lambda fmt: fmt.name)
def test_products_of_a_narrower_format_are_shown(model, dtype, cut, fmt):
    if fmt.name == dtype:
        pytest.skip("the format asked for")
    seen = shown(cell(model, dtype), answers(cell(model, dtype), Cut(CUTS[cut](fmt))))
    assert (seen.fmt, seen.throughout) == (fmt, False)


@pytest.mark.parametrize("model", MODELS)
def test_float32_throughout_is_told_from_float32_products(model):
    assert shown(cell(model, "float64"), answers(cell(model, "float64"), Kernels(), "float32")).throughout


@pytest.mark.parametrize("model", ["univariate", "multivariate", "two_layer_linear"])
def test_float16_throughout_is_shown(model):
    """Of the sigmoid network some gradients of the probe are subnormal there, and nothing is shown."""
    assert shown(cell(model), answers(cell(model), Kernels(), "float16")).fmt == PRODUCTS["tf32"]
    assert shown(cell("two_layer_nonlinear"), answers(cell("two_layer_nonlinear"), Kernels(), "float16")) is None


@pytest.mark.parametrize("fmt", NARROWER[:2], ids=lambda fmt: fmt.name)
@pytest.mark.parametrize("model", ["multivariate", "two_layer_nonlinear"])
def test_products_declared_narrow_are_no_lower_precision(model, fmt):
    asked = cell(model, matmul_precision="tf32")
    seen = shown(asked, answers(asked, Cut(fmt.round)))
    assert (seen.fmt if seen else None) == (fmt if fmt.name == "bfloat16" else None)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_shows_no_precision(mistake, dtype):
    for model in MODELS:
        assert shown(cell(model, dtype), answers(cell(model, dtype), MISTAKES[mistake])) is None


class FixedPoint(Kernels):
    """Products on a grid of 2^-bits."""

    def __init__(self, bits):
        self.step = 2.0**-bits

    def product(self, a, b):
        step = a.dtype.type(self.step)
        return np.rint((a @ b) / step) * step


@pytest.mark.parametrize("bits", range(2, 31))
def test_fixed_point_is_no_floating_point_format(bits):
    for model in MODELS:
        for dtype in ("float64", "float32"):
            assert shown(cell(model, dtype), answers(cell(model, dtype), FixedPoint(bits))) is None


@pytest.mark.parametrize("model", MODELS)
def test_a_mistake_in_narrow_arithmetic_shows_nothing(model):
    class Doubled(Cut):
        def gradients(self, params, g):
            return {name: 2 * value for name, value in g.items()}

    assert shown(cell(model), answers(cell(model), Doubled(PRODUCTS["tf32"].round))) is None


def test_failures_and_malformed_answers_show_nothing():
    asked = cell("multivariate")
    told = answers(asked, Cut(PRODUCTS["tf32"].round))
    assert shown(asked, told)
    for place in range(len(told)):
        for wrong in (
            Failure("it crashed"),
            Evaluation(told[place].loss, told[place].output, {}, 0.0),
            Evaluation(None, None, told[place].tensors, 0.0),
            Evaluation(told[place].loss, told[place].output, told[place].tensors | {"b": (np.ones(2), "float32")}, 0.0),
            Evaluation((told[place].loss[0], "float64"), told[place].output, told[place].tensors, 0.0),
        ):
            assert shown(asked, [*told[:place], wrong, *told[place + 1 :]]) is None
    assert shown(asked, []) is None


@pytest.mark.parametrize("name", MODELS)
def test_the_data_are_what_they_say(name):
    model = MODELS[name]
    few = exact(model)
    assert all(FORMATS["bfloat16"].holds(array).all() and array.any() for array in few.values())
    assert all(gradient.any() for gradient in model.gradients(**few).values())
    for dtype, fmt in FORMATS.items():
        for scale in SCALES:
            arrays = full(model, fmt, scale)
            assert all(fmt.holds(array).all() for array in arrays.values())
            data = [arrays[name] for name in model.data]
            assert all((array == array[:, :1]).all() for array in data)
            if dtype in ("float64", "float32"):
                longest = arrays["b1"] if name == "two_layer_nonlinear" else data[0]
                assert not PRODUCTS["tf32"].holds(longest).any()


def test_one_probe_serves_a_model_a_dtype_and_a_series():
    first, second = (Cell(Problem("multivariate", dims, r, "float32"), "b", "s", "cpu") for dims, r in DIFFERENT)
    assert probe_cell(first) == probe_cell(second)
    assert len(probe_tasks(probe_cell(first))) == 1 + len(SCALES)
    file = UserModel("f.py", "", "", MODELS["univariate"], [], frozenset(), frozenset(), {})
    own = Cell(Problem("f.py", (), "normal", "float32", file=file), "b", "s", "cpu", algorithm="moments", by_hand=True)
    asked = probe_cell(own)
    assert (asked.problem.model, asked.problem.file, asked.algorithm, asked.by_hand) == (FOR_FILES, None, None, False)


DIFFERENT = [((("n", 3), ("m", 7)), "normal"), ((("n", 137), ("m", 5)), "strided")]
