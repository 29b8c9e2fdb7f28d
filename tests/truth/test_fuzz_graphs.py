"""Random graphs of sizes 0, 1 and 2: every arithmetic against NumPy and the complex step, or one clear refusal."""

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from tests.support.array_namespaces import Real, gradients, value

from backproof import InputError, Model
from backproof.derivation.diagnosis.diagnose import Diagnostician
from backproof.derivation.diagnosis.sweeps import Sweeper
from backproof.derivation.samples import Graph, Sample
from backproof.graph.sweep import reachable
from backproof.graph.tracing import trace
from backproof.rounding.formats import FORMATS
from backproof.truth.exact import Undecided
from backproof.truth.simulated import simulate

SIZE = st.integers(0, 2)
AXIS = st.sampled_from([None, 0, 1, -1])
SHAPE = st.lists(SIZE, max_size=3).map(tuple)


def _reduced(name):
    def reduce(xp, a, b, n, axis, shape):
        return getattr(xp, name)(a, axis=axis if a.ndim else None, keepdims=bool(n))  # NumPy lets a scalar have an axis

    return reduce


STEPS = {  # what a step makes of two earlier values, a number, an axis and a shape
    **{name: lambda xp, a, *_, f=name: getattr(xp, f)(a) for name in ("exp", "tanh", "sigmoid", "negative", "abs")},
    **{
        name: lambda xp, a, b, *_, f=name: getattr(xp, f)(a, b)
        for name in ("add", "subtract", "multiply", "maximum", "minimum", "logaddexp", "matmul", "vecdot")
    },
    **{name: _reduced(name) for name in ("sum", "mean", "max", "min", "var")},
    "quotient": lambda xp, a, b, *_: a / (1 + b * b),
    "root": lambda xp, a, *_: xp.sqrt(1 + a * a) + xp.log1p(a * a) + xp.expm1(a),
    "power": lambda xp, a, b, n, *_: (1 + a * a) ** (n - 1.5) + a**n,
    "where": lambda xp, a, b, n, *_: xp.where(a > n, b, a) * (b <= 1),
    "head": lambda xp, a, b, n, *_: a[:n],
    "tail": lambda xp, a, b, n, *_: a[..., n:],
    "middle": lambda xp, a, b, n, *_: a[1:-1],
    "positions": lambda xp, a, b, n, *_: a[[0] * n],
    "rows": lambda xp, a, b, n, *_: sum((row * row for row in a[n:]), b),
    "concat": lambda xp, a, b, n, axis, _: xp.concat([a, a[:n], b], axis=axis or 0),
    "stack": lambda xp, a, b, n, axis, _: xp.stack([a, a * n, b][: n + 1], axis=axis or 0),
    "reshape": lambda xp, a, b, n, axis, shape: xp.reshape(a, shape),
    "flat": lambda xp, a, *_: a.reshape(-1),
    "broadcast": lambda xp, a, b, n, axis, shape: xp.broadcast_to(a, (*shape, *a.shape)),
    "stretched": lambda xp, a, b, n, axis, shape: xp.broadcast_to(a, shape),
    "axes": lambda xp, a, *_: xp.expand_dims(a.T, axis=-1),
    "squeeze": lambda xp, a, b, n, axis, _: xp.squeeze(a, axis=axis or 0) if a.ndim else a,
    "triangle": lambda xp, a, b, n, *_: xp.tril(a, k=n - 1) + xp.eye(n).sum(),
    "constants": lambda xp, a, b, n, axis, shape: xp.ones(shape) * a.sum(),
}
PROGRAM = st.lists(st.tuples(st.sampled_from(sorted(STEPS)), SIZE, SIZE, SIZE, AXIS, SHAPE), min_size=1, max_size=6)


def run(program, xp, values):
    """The arrays `values` and all that the steps make of the last ones."""
    values = list(values)
    for name, i, j, n, axis, shape in program:
        values.append(STEPS[name](xp, values[-1 - i % len(values)], values[-1 - j % len(values)], n, axis, shape))
    return values


def loss_of(program, xp, arrays):
    return sum((xp.sum(xp.tanh(v) * (i + 1)) for i, v in enumerate(run(program, xp, arrays))), 0.0)


@given(program=PROGRAM, shapes=st.tuples(SHAPE, SHAPE))
@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.filter_too_much],
)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_a_graph_is_worth_what_numpy_makes_of_it(program, shapes):
    rng = np.random.default_rng(0)
    arrays = [np.asarray(rng.integers(-400, 400, shape) / 128) for shape in shapes]
    while program and value(lambda xp, *a, done=tuple(program): loss_of(done, xp, a), arrays) is None:
        with pytest.raises(InputError):
            _sample(program, arrays)
        program = program[:-1]
    assume(program)
    model, sample = _sample(program, arrays)
    try:
        sample.quantities  # noqa: B018 (certified, and confirmed by series through the forward)
    except Undecided:
        return  # a tie
    slopes = dict(zip(sample.arrays, gradients(lambda xp, *a: loss_of(program, xp, a), arrays), strict=True))
    with np.errstate(all="ignore"):
        swept = Sweeper(sample).truth
        simulated = simulate(sample.graph.trace.roots, sample.arrays, FORMATS["float16"])
    for name, slope in slopes.items():
        quantity = sample.quantities[name]
        assert np.all(quantity.likely <= quantity.rigorous)
        np.testing.assert_allclose(sample.truths[name], slope, rtol=1e-9, atol=1e-9, strict=True)
        np.testing.assert_allclose(swept[name], slope, rtol=1e-9, atol=1e-9, strict=True)
        assert all(values[sample.graph.trace.gradients[name]].shape == slope.shape for values in simulated)
    sample.answers = {name: 1.5 * slope + 0.25 for name, slope in slopes.items()}
    assert set(Diagnostician(model, "", [sample]).diagnose([*slopes])) == set(slopes)


def _sample(program, arrays):
    named = {f"x{i}": array for i, array in enumerate(arrays)}
    shapes = {name: " ".join(map(str, array.shape)) for name, array in named.items()}
    model = Model("made", shapes, tuple(shapes), lambda xp, tap, **a: loss_of(program, xp, a.values()), dict)
    traced = trace(model, {})
    return model, Sample(Graph({}, reachable(traced.roots), traced), 0, named)


def test_the_steps_run():
    assert len(run([("head", 0, 0, 1, None, ())], Real(), [np.ones(2)])) == 2
