"""A user's function followed in balls: the same floats to the bit, and the exact values beside them."""

import math

import numpy as np
import pytest
from flint import arb

from backproof.core.errors import InputError
from backproof.derivation.ball_arrays import run_exactly
from backproof.derivation.ball_arrays.constants import constant_balls
from backproof.truth.balls import precision

rng = np.random.default_rng(0)
ARRAYS = {"A": rng.uniform(0.5, 2, (3, 4)), "B": rng.uniform(0.5, 2, (4, 3)), "v": rng.uniform(0.5, 2, 4), "s": 0.7}


def follow(function, bits=300, **arrays):
    chosen = arrays or ARRAYS
    return run_exactly(
        lambda **given: {"out": function(**given)}, lambda: {n: np.array(a) for n, a in chosen.items()}, bits
    )["out"]


FOLLOWED = [
    "A + v - s", "A * 2 / v", "2 - A", "3 / A", "-A", "+A", "abs(A - 1)", "A ** 2", "A ** 0.5", "A ** -1", "2.0 ** A",
    "A @ B", "v @ B", "A @ v", "v @ v", "np.dot(A, B)", "A.dot(v)", "np.outer(v, v)", "np.inner(A, A)",
    "np.vdot(A, A)",
    "np.tensordot(A, B, axes=1)", "np.tensordot(A, B, axes=([1], [0]))", "np.einsum('ij,jk->ik', A, B)",
    "np.kron(v, v)",
    "np.exp(A)", "np.log(A)", "np.sqrt(A)", "np.tanh(A)", "np.log1p(A)", "np.expm1(A)", "np.sin(A)", "np.arctan2(A, v)",
    "np.square(A)", "np.reciprocal(A)", "np.cbrt(A - 1)", "np.log2(A)", "np.logaddexp(A, v)", "np.hypot(A, v)",
    "np.maximum(A, 1)", "np.minimum(A, v)", "np.sign(A - 1) * A", "np.clip(A, 0.8, 1.5)", "A.clip(min=1)",
    "A.sum()", "A.sum(axis=0)", "np.sum(A, 1, keepdims=True)", "A.mean(axis=(0, 1))", "np.mean(A, 0)", "A.var(axis=1)",
    "np.std(A, axis=0, ddof=1)", "np.prod(A, axis=1)", "A.cumsum(axis=1)", "np.cumprod(v)", "np.average(A, weights=A)",
    "np.linalg.norm(v)", "np.linalg.norm(A, axis=1)", "np.linalg.norm(A)", "np.linalg.inv(A @ B)", "np.trace(A @ B)",
    "np.linalg.solve(A @ B, A)", "A.max(axis=1)", "np.min(A)", "A.max(axis=(0, 1), keepdims=True)", "A[1]",
    "A[:, ::-1]",
    "A[A > 1]", "A[np.arange(3), A.argmax(axis=1)]", "A[..., None]", "A.T", "A.reshape(2, 6)", "A.reshape((4, -1))",
    "A.ravel()", "A.flatten()", "A.transpose(1, 0)", "A.swapaxes(0, 1)", "np.moveaxis(A, 0, 1)", "np.squeeze(A[None])",
    "np.concatenate([A, B.T])", "np.stack([v, v])", "np.vstack([v, np.ones(4)])", "np.hstack((v, v))", "np.tile(v, 2)",
    "np.repeat(v, 3)", "np.flip(A, 0)", "np.roll(v, 1)", "np.pad(A, 1)", "np.tril(A)", "np.diag(v)", "np.diag(A @ B)",
    "np.split(v, 2)[1]", "np.broadcast_to(v, (2, 4))", "np.append(v, v)", "np.take(v, [0, 0, 3])", "np.triu(A, 1)",
    "np.where(A > 1, A, v)", "np.where(A > 1, A, 0)", "(A > 1) * A", "A * (A == A.max())", "A / len(A)",
    "A * A.shape[1]",
    "np.array([v, v])", "np.asarray(A)", "np.array([[s, s], [s, s]])", "np.zeros((2, 2)) + s", "np.full(3, s)",
    "np.eye(3) * s", "np.zeros_like(A) + A", "np.ones_like(A)", "np.full_like(A, s)", "A.astype(float)", "A.copy().T",
    "sum(A)", "max(v, key=float) if False else v[0]", "np.add.reduce(A)", "np.add.outer(v, v)", "np.exp(s)", "s * A",
    "np.argsort(v) * v", "v[np.argsort(v)]", "np.isfinite(A) * A", "A.item(0) + A", "np.matmul(A, B)",
    "A.astype(int) + s",
]  # fmt: skip


@pytest.mark.parametrize("expression", FOLLOWED)
def test_operations_are_followed(expression):
    """Floats to the bit (or it would be refused), and balls that the floats are near to: their own rounding away."""
    found = follow(lambda A, B, v, s: eval(expression, {"np": np}, dict(A=A, B=B, v=v, s=s)))
    with precision(300):
        for ball, value in zip(found.balls.flat, found.value.flat, strict=True):
            assert abs(ball - arb(float(value))) <= arb(64 * 2.0**-53) * (1 + abs(ball))
            assert ball.rad() <= arb(2) ** -200 * (1 + abs(ball)) or "0.8" in expression


def test_balls_are_of_the_exact_values_and_not_of_the_floats():
    x = np.array([1e16, 1.0])
    found = follow(lambda x: (x[0] + x[1]) - x[0], x=x)
    assert float(found.value) == 0.0
    assert found.balls.item() == 1


STATEMENTS = {
    "views": "Z = A.copy(); Z[0] = 0; Z[:, 1] += v[0]; Z[A > 1] *= 2; Z.T[2] = 1; return Z",
    "np.add.at": "Z = np.zeros(3); np.add.at(Z, [0, 0, 2], v[:3]); return Z",
    "out": "Z = np.empty((3, 4)); np.multiply(A, v, out=Z); Z /= v; return Z",
    "a scalar is no view": "a = v.sum(); b = a; b += 1; return a",
    "an argument is": "A += 1; return A",
    "a loop": "Z = np.zeros((3, 3))\n for i in range(3):\n  for j in range(3): Z[i, j] = A[i] @ B[:, j]\n return Z",
    "fill": "Z = np.zeros(2); Z.fill(v[0]); return Z",
    "a diagonal": "Z = np.zeros((4, 4)); np.fill_diagonal(Z, v); return Z",
    "a branch": "return A if A[0, 0] > v[0] else B",
    "classes": "return A if isinstance(A, np.ndarray) and isinstance(v[0], np.float64) else B",
}


@pytest.mark.parametrize("case", STATEMENTS)
def test_statements_are_followed(case):
    space = {"np": np}
    exec(f"def function(A, B, v, s):\n {STATEMENTS[case]}\n", space)
    found = follow(space["function"])
    with precision(300):
        assert all(abs(b - arb(float(f))) < 1e-14 for b, f in zip(found.balls.flat, found.value.flat, strict=True))


REFUSED = {
    "float": "A * float(v[0])",
    "math": "A * math.exp(v[0])",
    "a caught refusal": "A * caught(v)",
    "float32": "A.astype(np.float32)",
    "bytes": "A * len(A.tobytes())",
    "complex": "(A * 1j).imag",
    "median": "np.median(A)",
    "modulo": "A % 1",
    "its type": "A if type(A) is np.ndarray else B.T * 1.5",
    "into plain floats": "plain(A)",
    "reduce with where": "np.sum(A, where=A > 1)",
    "no NumPy": "Other() * A[0, 0]",
}


class Other:
    def __mul__(self, other):
        return 1.0 * float(other)


def caught(v):
    try:
        return math.exp(v[0])
    except Exception:
        return np.exp(v[0])


def plain(A):
    Z = PLAIN.copy()
    Z[...] = A
    return Z


PLAIN = np.zeros((3, 4))


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_followed_is_refused(case):
    names = {"np": np, "math": math, "caught": caught, "plain": plain, "Other": Other}
    with pytest.raises(InputError, match="not followed exactly"):
        follow(lambda A, B, v, s: eval(REFUSED[case], names, dict(A=A, B=B, v=v, s=s)))


@pytest.mark.parametrize("decision", ["x[0] + x[1] > x[0]", "x[0] + x[1] == x[0]", "np.maximum(x[0], x[0] + x[1]) > 0"])
def test_a_branch_that_rounding_decides_is_refused(decision):
    x = np.array([1e16, 1.0])
    with pytest.raises(InputError, match="that rounding decides otherwise"):
        follow(lambda x: x if eval(decision, {"np": np, "x": x}) else 2 * x, x=x)


def test_the_creation_functions_are_as_they_were():
    before = np.zeros, np.array
    with pytest.raises(InputError):
        follow(lambda **_: math.exp(_["v"][0]))
    assert (np.zeros, np.array) == before


@pytest.mark.parametrize(
    ("value", "wide"),
    [
        *(
            (2, False),
            (True, False),
            (0.0, False),
            (0.5, False),
            (1e6, False),
            (1e-6, False),
            (1e18, False),
            (1e-5 - 1e3, True),
        ),
        *((1 / 7, True), (0.2, True), (2 / 3, True), (math.sqrt(2), True), (np.pi, True), (np.float32(1 / 3), True)),
    ],
)
def test_constants_are_as_wide_as_rounding_may_have_made_them(value, wide):
    ball = constant_balls(value).item()
    assert ball.contains(arb(float(value)))
    assert (ball.rad() > 0) is wide
    if value == 1 / 7:
        with precision(200):
            assert ball.contains(arb(1) / 7)
            assert not ball.contains(arb(1) / 7 * (1 + 2.0**-48))
