"""First stage of the sigmoid network where W1 fits on the chip: Z, A, delta and dZ never leave it.

theta = [W1, b1, w2, b2]. The factor w2 transposed of dZ is left out: `finish` scales the summed rows by it.
"""

from typing import Any

import triton
import triton.language as tl
from torch import Tensor

from backproof_torch.kernels.primitives import product, rounded, sigmoid

FITS = {"ieee": 64 * 64, "tf32": 128 * 128}  # numbers of W1, padded: its sum is as large, and stays in registers


@triton.jit
def _network(
    theta, X, y, y_hat, partials, n, m, k, two_over_m,
    OUTPUT: tl.constexpr, PRECISION: tl.constexpr, BK: tl.constexpr, BN: tl.constexpr, BM: tl.constexpr,
):  # fmt: skip
    unit, feature = tl.arange(0, BK), tl.arange(0, BN)
    a_unit, a_feature = unit < k, feature < n
    weights = unit[:, None] * n + feature[None, :]
    a_weight = a_unit[:, None] & a_feature[None, :]
    W1 = tl.load(theta + weights, a_weight, other=0.0)
    b1 = tl.load(theta + k * n + unit, a_unit, other=0.0).to(tl.float32)
    w2 = tl.load(theta + k * n + k + unit, a_unit, other=0.0).to(tl.float32)
    b2 = tl.load(theta + k * n + 2 * k).to(tl.float32)
    dW1 = tl.zeros((BK, BN), tl.float32)
    db1 = tl.zeros((BK,), tl.float32)
    dw2 = tl.zeros((BK,), tl.float32)
    db2 = tl.zeros((BM,), tl.float32)
    loss = tl.zeros((BM,), tl.float32)
    for first in range(tl.program_id(0) * BM, m, tl.num_programs(0) * BM):
        column = first + tl.arange(0, BM)
        inside = column < m
        places = feature[:, None].to(tl.int64) * m + column[None, :]
        Xt = tl.load(X + places, a_feature[:, None] & inside[None, :], other=0.0)
        Z = product(W1, Xt, tl.zeros((BK, BM), tl.float32), PRECISION) + b1[:, None]
        A = tl.where(a_unit[:, None], sigmoid(Z), 0.0)
        output = tl.sum(w2[:, None] * A, 0) + b2
        r = tl.where(inside, output - tl.load(y + column, inside, other=0.0).to(tl.float32), 0.0)
        d = two_over_m * r
        S = d[None, :] * A * (1 - A)
        dW1 = product(rounded(S, theta), tl.trans(Xt), dW1, PRECISION)
        db1 += tl.sum(S, 1)
        dw2 += tl.sum(d[None, :] * A, 1)
        db2, loss = db2 + d, loss + r * r
        if OUTPUT:
            tl.store(y_hat + column, rounded(output, y_hat), inside)
    own = partials + tl.program_id(0).to(tl.int64) * (k * n + 2 * k + 2)
    tl.store(own + weights, dW1, a_weight)
    tl.store(own + k * n + unit, db1, a_unit)
    tl.store(own + k * n + k + unit, dw2, a_unit)
    tl.store(own + k * n + 2 * k, tl.sum(db2, 0))
    tl.store(own + k * n + 2 * k + 1, tl.sum(loss, 0) * (two_over_m / 2))


def network(theta: Tensor, X: Tensor, y: Tensor, y_hat: Tensor, partials: Tensor, output: bool, precision: str) -> None:
    """Partial sums (programs, k n + 2 k + 2), and y_hat (1, m) if it is asked for."""
    (n, m), k = X.shape, units(theta, X)
    BK, BN, BM = tile(n, k, precision)
    grid: Any = (partials.shape[0],)
    _network[grid](
        theta, X, y, y_hat, partials, n, m, k, 2 / m,
        OUTPUT=output, PRECISION=precision, BK=BK, BN=BN, BM=BM, num_warps=8 if BK * BN >= 4096 else 4,
    )  # fmt: skip


def units(theta: Tensor, X: Tensor) -> int:
    """k, of the k n + 2 k + 1 numbers of theta."""
    return int(theta.numel() - 1) // (int(X.shape[0]) + 2)


def tile(n: int, k: int, precision: str) -> tuple[int, int, int]:
    """Units, features and columns of a tile: powers of 2, and 16 at least, as the units for products need them. Without
    those, in float32, more columns would not fit into the registers."""
    BK, BN = (max(16, triton.next_power_of_2(size)) for size in (k, n))
    return BK, BN, 64 if max(BK, BN) <= 128 and precision == "tf32" else 32


def fits(n: int, k: int, precision: str) -> bool:
    """Whether a program holds W1 and its gradient."""
    BK, BN, _ = tile(n, k, precision)
    return FITS[precision] >= BK * BN
