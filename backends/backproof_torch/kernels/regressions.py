"""First stages of the regressions: loss and gradient in one pass over the data. theta = [w, b]."""

from typing import Any

import triton
import triton.language as tl
from torch import Tensor

from backproof_torch.kernels.primitives import rounded

WIDEST, TILE = 1024, 8192  # features, and numbers of X, that a program holds at once


@triton.jit
def _univariate(theta, x, y, y_hat, partials, m, two_over_m, OUTPUT: tl.constexpr, BLOCK: tl.constexpr):
    w, b = tl.load(theta).to(tl.float32), tl.load(theta + 1).to(tl.float32)
    dw = tl.zeros((BLOCK,), tl.float32)
    db = tl.zeros((BLOCK,), tl.float32)
    loss = tl.zeros((BLOCK,), tl.float32)
    for first in range(tl.program_id(0) * BLOCK, m, tl.num_programs(0) * BLOCK):
        column = first + tl.arange(0, BLOCK)
        inside = column < m
        xt = tl.load(x + column, inside, other=0.0).to(tl.float32)
        output = w * xt + b
        r = tl.where(inside, output - tl.load(y + column, inside, other=0.0).to(tl.float32), 0.0)
        d = two_over_m * r
        dw, db, loss = dw + d * xt, db + d, loss + r * r
        if OUTPUT:
            tl.store(y_hat + column, rounded(output, y_hat), inside)
    row = partials + tl.program_id(0) * 3
    tl.store(row, tl.sum(dw, 0))
    tl.store(row + 1, tl.sum(db, 0))
    tl.store(row + 2, tl.sum(loss, 0) * (two_over_m / 2))


@triton.jit
def _multivariate(
    theta, X, y, y_hat, partials, n, m, two_over_m,
    OUTPUT: tl.constexpr, WHOLE: tl.constexpr, BN: tl.constexpr, BM: tl.constexpr,
):  # fmt: skip
    """WHOLE: a tile of columns is held with all its rows, and read once. Otherwise it is read in chunks of rows,
    twice, the second time from the cache."""
    feature = tl.arange(0, BN)
    b = tl.load(theta + n).to(tl.float32)
    own = partials + tl.program_id(0) * (n + 2)
    w = tl.load(theta + feature, feature < n, other=0.0).to(tl.float32)
    dw = tl.zeros((BN,), tl.float32)
    db = tl.zeros((BM,), tl.float32)
    loss = tl.zeros((BM,), tl.float32)
    if not WHOLE:
        for chunk in range(0, n, BN):
            tl.store(own + chunk + feature, dw, chunk + feature < n)
    for first in range(tl.program_id(0) * BM, m, tl.num_programs(0) * BM):
        column = first + tl.arange(0, BM)
        inside = column < m
        yt = tl.load(y + column, inside, other=0.0).to(tl.float32)
        if WHOLE:
            places = feature[:, None].to(tl.int64) * m + column[None, :]
            Xt = tl.load(X + places, (feature < n)[:, None] & inside[None, :], other=0.0).to(tl.float32)
            output = tl.sum(w[:, None] * Xt, 0) + b
        else:
            output = tl.zeros((BM,), tl.float32) + b
            for chunk in range(0, n, BN):
                row = chunk + feature
                places = row[:, None].to(tl.int64) * m + column[None, :]
                Xt = tl.load(X + places, (row < n)[:, None] & inside[None, :], other=0.0).to(tl.float32)
                w = tl.load(theta + row, row < n, other=0.0).to(tl.float32)
                output += tl.sum(w[:, None] * Xt, 0)
        r = tl.where(inside, output - yt, 0.0)
        d = two_over_m * r
        db, loss = db + d, loss + r * r
        if OUTPUT:
            tl.store(y_hat + column, rounded(output, y_hat), inside)
        if WHOLE:
            dw += tl.sum(d[None, :] * Xt, 1)
        else:
            for chunk in range(0, n, BN):
                row = chunk + feature
                places = row[:, None].to(tl.int64) * m + column[None, :]
                Xt = tl.load(X + places, (row < n)[:, None] & inside[None, :], other=0.0).to(tl.float32)
                before = tl.load(own + row, row < n, other=0.0)
                tl.store(own + row, before + tl.sum(d[None, :] * Xt, 1), row < n)
    if WHOLE:
        tl.store(own + feature, dw, feature < n)
    tl.store(own + n, tl.sum(db, 0))
    tl.store(own + n + 1, tl.sum(loss, 0) * (two_over_m / 2))


def univariate(theta: Tensor, x: Tensor, y: Tensor, y_hat: Tensor, partials: Tensor, output: bool) -> None:
    """Partial sums (programs, 3), and y_hat (1, m) if it is asked for."""
    m = y.shape[1]
    grid: Any = (partials.shape[0],)
    _univariate[grid](theta, x, y, y_hat, partials, m, 2 / m, OUTPUT=output, BLOCK=2048)


def multivariate(theta: Tensor, X: Tensor, y: Tensor, y_hat: Tensor, partials: Tensor, output: bool) -> None:
    """Partial sums (programs, n + 2), and y_hat (1, m) if it is asked for; every program has a column at least."""
    n, m = X.shape
    BN, BM = tile(n)
    grid: Any = (partials.shape[0],)
    _multivariate[grid](
        theta, X, y, y_hat, partials, n, m, 2 / m, OUTPUT=output, WHOLE=n <= BN, BN=BN, BM=BM, num_warps=8
    )


def tile(n: int) -> tuple[int, int]:
    """Rows and columns of X in a tile."""
    BN = min(triton.next_power_of_2(n), WIDEST)
    return BN, max(16, min(TILE // BN, 2048))
