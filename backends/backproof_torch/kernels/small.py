"""All K steps in one program, where data and parameters fit into it together: no launch, no sum across programs."""

from typing import Any

import triton
import triton.language as tl
from torch import Tensor

from backproof_torch.kernels.network import units
from backproof_torch.kernels.primitives import product, rounded, sigmoid

MOST = 8192  # numbers that a program holds


@triton.jit
def _regression(
    theta, X, y, out, n, m, rate, two_over_m, steps, BN: tl.constexpr, BM: tl.constexpr
):  # fmt: skip
    """Both regressions: theta = [w, b], the univariate one's n is 1."""
    feature, column = tl.arange(0, BN), tl.arange(0, BM)
    a_feature, inside = feature < n, column < m
    X = tl.load(X + feature[:, None] * m + column[None, :], a_feature[:, None] & inside[None, :], other=0.0)
    X = X.to(tl.float32)
    y = tl.load(y + column, inside, other=0.0).to(tl.float32)
    w = tl.load(theta + feature, a_feature, other=0.0).to(tl.float32)
    b = tl.load(theta + n).to(tl.float32)
    for _ in range(steps):
        d = two_over_m * tl.where(inside, tl.sum(w[:, None] * X, 0) + b - y, 0.0)
        w = _stepped(w, rate * tl.sum(d[None, :] * X, 1), out)
        b = _stepped(b, rate * tl.sum(d, 0), out)
    tl.store(out + feature, rounded(w, out), a_feature)
    tl.store(out + n, rounded(b, out))


@triton.jit
def _stepped(p, change, out):
    """p - change, a number of the parameters' dtype after every step."""
    return rounded(p - change, out).to(tl.float32)


@triton.jit
def _network(
    theta, X, y, out, n, m, k, rate, two_over_m, steps,
    PRECISION: tl.constexpr, BK: tl.constexpr, BN: tl.constexpr, BM: tl.constexpr,
):  # fmt: skip
    unit, feature, column = tl.arange(0, BK), tl.arange(0, BN), tl.arange(0, BM)
    a_unit, a_feature, inside = unit < k, feature < n, column < m
    weights = unit[:, None] * n + feature[None, :]
    a_weight = a_unit[:, None] & a_feature[None, :]
    X = tl.load(X + feature[:, None] * m + column[None, :], a_feature[:, None] & inside[None, :], other=0.0)
    y = tl.load(y + column, inside, other=0.0).to(tl.float32)
    W1 = tl.load(theta + weights, a_weight, other=0.0).to(tl.float32)
    b1 = tl.load(theta + k * n + unit, a_unit, other=0.0).to(tl.float32)
    w2 = tl.load(theta + k * n + k + unit, a_unit, other=0.0).to(tl.float32)
    b2 = tl.load(theta + k * n + 2 * k).to(tl.float32)
    for _ in range(steps):
        Z = product(rounded(W1, theta), X, tl.zeros((BK, BM), tl.float32), PRECISION) + b1[:, None]
        A = tl.where(a_unit[:, None], sigmoid(Z), 0.0)
        d = two_over_m * tl.where(inside, tl.sum(w2[:, None] * A, 0) + b2 - y, 0.0)
        S = d[None, :] * A * (1 - A)
        dW1 = w2[:, None] * product(rounded(S, theta), tl.trans(X), tl.zeros((BK, BN), tl.float32), PRECISION)
        db1 = w2 * tl.sum(S, 1)
        w2 = _stepped(w2, rate * tl.sum(d[None, :] * A, 1), out)
        W1 = _stepped(W1, rate * dW1, out)
        b1 = _stepped(b1, rate * db1, out)
        b2 = _stepped(b2, rate * tl.sum(d, 0), out)
    tl.store(out + weights, rounded(W1, out), a_weight)
    tl.store(out + k * n + unit, rounded(b1, out), a_unit)
    tl.store(out + k * n + k + unit, rounded(w2, out), a_unit)
    tl.store(out + k * n + 2 * k, rounded(b2, out))


def steps_in_one(
    network: bool, theta: Tensor, X: Tensor, y: Tensor, rate: float, steps: int, precision: str
) -> Tensor | None:
    """theta after `steps` steps, or None where it does not fit. X is (n, m), or the univariate x (1, m)."""
    n, m = X.shape
    BN, BM = triton.next_power_of_2(n), triton.next_power_of_2(m)
    out, grid = theta.new_empty(theta.shape), (1,)
    run: Any
    if not network:
        if BN * BM > MOST:
            return None
        run = _regression[grid]
        run(theta, X, y, out, n, m, rate, 2 / m, steps, BN=BN, BM=BM)
        return out
    k = units(theta, X)
    BK, BN, BM = (max(16, triton.next_power_of_2(size)) for size in (k, n, m))
    if BK * BM + BN * BM + BK * BN > MOST:
        return None
    run = _network[grid]
    run(theta, X, y, out, n, m, k, rate, 2 / m, steps, PRECISION=precision, BK=BK, BN=BN, BM=BM)
    return out
