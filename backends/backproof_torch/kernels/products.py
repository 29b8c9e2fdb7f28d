"""First stage of the sigmoid network where W1 does not fit: two products of matrices, all else fused into them.

`_hidden`: A = sigmoid(W1 X + b1) and a tile's part of w2 A, in the epilogue of the first product. `_residuals`: those
parts added up. `_slopes`: delta A (1 - A) formed while A is read for the second product, with X transposed. Between the
two, A alone is stored. Units for products of 32-bit numbers want both factors contiguous along the summed axis, so for
TF32 the first product takes X from a transposed copy, made once for all steps.
"""

from typing import Any

import torch
import triton
import triton.language as tl
from torch import Tensor

from backproof_torch.kernels.primitives import INTERPRETED, product, rounded, sigmoid


def _configurations(*sizes: tuple[int, int, int, int, int]) -> list[triton.Config]:
    """Tiles to be tried on a GPU: rows, columns, summed, warps, stages. The interpreter takes the smallest."""
    names = ("BM", "BN", "BS")
    tried = [triton.Config(dict(zip(names, s[:3], strict=True)), num_warps=s[3], num_stages=s[4]) for s in sizes]
    return [triton.Config({"BM": 16, "BN": 16, "BS": 16})] if INTERPRETED.value else tried


TILES = _configurations(
    (128, 256, 64, 8, 3), (256, 128, 64, 8, 3), (128, 256, 32, 8, 4), (256, 128, 32, 8, 4),
    (128, 128, 64, 8, 3), (128, 128, 64, 4, 3), (128, 128, 32, 8, 4), (128, 128, 32, 4, 4),
    (64, 256, 32, 4, 4), (256, 64, 32, 4, 4), (128, 64, 32, 4, 4), (64, 128, 64, 4, 4),
)  # fmt: skip
GROUP = 8  # tiles of rows that go through the columns together, to meet in the cache
LEAST_ROWS = 16 if INTERPRETED.value else 64  # of a tile: room for the parts of w2 A


@triton.jit
def _place(number, rows, columns, GROUP: tl.constexpr):
    """Row and column of tile `number`, in bands of GROUP rows."""
    band = number // (GROUP * columns)
    first = band * GROUP
    high = tl.minimum(rows - first, GROUP)
    return first + (number % (GROUP * columns)) % high, (number % (GROUP * columns)) // high


@triton.autotune(configs=TILES, key=["n", "m", "k"])
@triton.jit
def _hidden(
    theta, X, A, parts, n, m, k, along_n, along_m,
    PRECISION: tl.constexpr, GROUP: tl.constexpr, BM: tl.constexpr, BN: tl.constexpr, BS: tl.constexpr,
):  # fmt: skip
    """A tile of BM units by BN columns, summed over features by BS; X by its strides."""
    pk, pm = _place(tl.program_id(0), tl.cdiv(k, BM), tl.cdiv(m, BN), GROUP)
    unit, column = pk * BM + tl.arange(0, BM), pm * BN + tl.arange(0, BN)
    a_unit, inside = unit < k, column < m
    Z = tl.zeros((BM, BN), tl.float32)
    for first in range(0, n, BS):
        feature = first + tl.arange(0, BS)
        a_feature = feature < n
        W1 = tl.load(theta + unit[:, None] * n + feature[None, :], a_unit[:, None] & a_feature[None, :], other=0.0)
        places = feature[:, None].to(tl.int64) * along_n + column[None, :].to(tl.int64) * along_m
        Xt = tl.load(X + places, a_feature[:, None] & inside[None, :], other=0.0)
        Z = product(W1, Xt, Z, PRECISION)
    b1 = tl.load(theta + k * n + unit, a_unit, other=0.0).to(tl.float32)
    w2 = tl.load(theta + k * n + k + unit, a_unit, other=0.0).to(tl.float32)
    At = tl.where(a_unit[:, None], sigmoid(Z + b1[:, None]), 0.0)
    tl.store(parts + pk.to(tl.int64) * m + column, tl.sum(w2[:, None] * At, 0), inside)
    places = unit[:, None].to(tl.int64) * m + column[None, :]
    tl.store(A + places, rounded(At, A), a_unit[:, None] & inside[None, :])


@triton.jit
def _activate(theta, Z, parts, n, m, k, BM: tl.constexpr, BN: tl.constexpr):
    """As the epilogue of `_hidden`, Z being W1 X already: A takes its place."""
    pk, pm = tl.program_id(0), tl.program_id(1)
    unit, column = pk * BM + tl.arange(0, BM), pm * BN + tl.arange(0, BN)
    a_unit, inside = unit < k, column < m
    places = unit[:, None].to(tl.int64) * m + column[None, :]
    Zt = tl.load(Z + places, a_unit[:, None] & inside[None, :], other=0.0)
    b1 = tl.load(theta + k * n + unit, a_unit, other=0.0)
    w2 = tl.load(theta + k * n + k + unit, a_unit, other=0.0)
    At = tl.where(a_unit[:, None], sigmoid(Zt + b1[:, None]), 0.0)
    tl.store(parts + pk.to(tl.int64) * m + column, tl.sum(w2[:, None] * At, 0), inside)
    tl.store(Z + places, At, a_unit[:, None] & inside[None, :])


@triton.jit
def _residuals(theta, parts, y, y_hat, r, last, m, tiles, OUTPUT: tl.constexpr, BLOCK: tl.constexpr):
    """r = y_hat - y, y_hat being b2 (theta at `last`) and the parts of w2 A (tiles, m) added up."""
    column = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    inside = column < m
    output = tl.zeros((BLOCK,), tl.float32)
    for part in range(tiles):
        output += tl.load(parts + (column.to(tl.int64) + part * m), inside, other=0.0)
    output += tl.load(theta + last).to(tl.float32)
    tl.store(r + column, output - tl.load(y + column, inside, other=0.0).to(tl.float32), inside)
    if OUTPUT:
        tl.store(y_hat + column, rounded(output, y_hat), inside)


@triton.autotune(configs=TILES, key=["n", "m", "k"])
@triton.jit
def _slopes(
    A, X, r, partials, n, m, k, columns, two_over_m,
    PRECISION: tl.constexpr, GROUP: tl.constexpr, BM: tl.constexpr, BN: tl.constexpr, BS: tl.constexpr,
):  # fmt: skip
    """A tile of BM units by BN features of S X^T, S = delta A (1 - A), summed over a share of `columns` by BS.

    The first tile of features sums S and delta A over the columns besides, the first tile of all delta and the loss.
    """
    pk, pn = _place(tl.program_id(0), tl.cdiv(k, BM), tl.cdiv(n, BN), GROUP)
    share = tl.program_id(1)
    unit, feature = pk * BM + tl.arange(0, BM), pn * BN + tl.arange(0, BN)
    a_unit, a_feature = unit < k, feature < n
    dW1 = tl.zeros((BM, BN), tl.float32)
    db1 = tl.zeros((BM,), tl.float32)
    dw2 = tl.zeros((BM,), tl.float32)
    db2 = tl.zeros((BS,), tl.float32)
    loss = tl.zeros((BS,), tl.float32)
    for first in range(share * columns, tl.minimum((share + 1) * columns, m), BS):
        column = first + tl.arange(0, BS)
        inside = column < m
        rt = tl.load(r + column, inside, other=0.0)
        d = two_over_m * rt
        places = unit[:, None].to(tl.int64) * m + column[None, :]
        At = tl.load(A + places, a_unit[:, None] & inside[None, :], other=0.0).to(tl.float32)
        places = feature[:, None].to(tl.int64) * m + column[None, :]
        Xt = tl.load(X + places, a_feature[:, None] & inside[None, :], other=0.0)
        S = d[None, :] * At * (1 - At)
        dW1 = product(rounded(S, A), tl.trans(Xt), dW1, PRECISION)
        if pn == 0:
            db1 += tl.sum(S, 1)
            dw2 += tl.sum(d[None, :] * At, 1)
            db2, loss = db2 + d, loss + rt * rt
    own = partials + share.to(tl.int64) * (k * n + 2 * k + 2)
    tl.store(own + unit[:, None] * n + feature[None, :], dW1, a_unit[:, None] & a_feature[None, :])
    if pn == 0:
        tl.store(own + k * n + unit, db1, a_unit)
        tl.store(own + k * n + k + unit, dw2, a_unit)
        if pk == 0:
            tl.store(own + k * n + 2 * k, tl.sum(db2, 0))
            tl.store(own + k * n + 2 * k + 1, tl.sum(loss, 0) * (two_over_m / 2))


@triton.jit
def _sums(A, r, sums, m, k, two_over_m, BM: tl.constexpr, BS: tl.constexpr):
    """All of `_slopes` but the product: S takes A's place; sums = [db1, dw2, db2, loss]."""
    pk = tl.program_id(0)
    unit = pk * BM + tl.arange(0, BM)
    a_unit = unit < k
    db1 = tl.zeros((BM,), tl.float32)
    dw2 = tl.zeros((BM,), tl.float32)
    db2 = tl.zeros((BS,), tl.float32)
    loss = tl.zeros((BS,), tl.float32)
    for first in range(0, m, BS):
        column = first + tl.arange(0, BS)
        inside = column < m
        rt = tl.load(r + column, inside, other=0.0)
        d = two_over_m * rt
        places = unit[:, None].to(tl.int64) * m + column[None, :]
        At = tl.load(A + places, a_unit[:, None] & inside[None, :], other=0.0)
        S = d[None, :] * At * (1 - At)
        tl.store(A + places, S, a_unit[:, None] & inside[None, :])
        db1 += tl.sum(S, 1)
        dw2 += tl.sum(d[None, :] * At, 1)
        db2, loss = db2 + d, loss + rt * rt
    tl.store(sums + unit, db1, a_unit)
    tl.store(sums + k + unit, dw2, a_unit)
    if pk == 0:
        tl.store(sums + 2 * k, tl.sum(db2, 0))
        tl.store(sums + 2 * k + 1, tl.sum(loss, 0) * (two_over_m / 2))


def by_units(
    theta: Tensor, X: Tensor, Xt: Tensor, y: Tensor, y_hat: Tensor, partials: Tensor, output: bool, precision: str
) -> None:
    """Partial sums (shares of the columns, k n + 2 k + 2) by the GPU's units for products; Xt is X by columns."""
    (n, m), k = X.shape, (theta.numel() - 1) // (X.shape[0] + 2)
    A, parts, r = X.new_empty(k, m), _float32(X, triton.cdiv(k, LEAST_ROWS), m), _float32(X, m)
    grid: Any = lambda tile: (triton.cdiv(k, tile["BM"]) * triton.cdiv(m, tile["BN"]),)  # noqa: E731
    _hidden[grid](theta, Xt, A, parts, n, m, k, *Xt.stride(), PRECISION=precision, GROUP=GROUP)
    tiles = triton.cdiv(k, _hidden.best_config.kwargs["BM"])
    residuals(theta, parts[:tiles], y, y_hat, r, output)
    shares = partials.shape[0]
    columns = triton.cdiv(triton.cdiv(m, shares), 64) * 64
    grid = lambda tile: (triton.cdiv(k, tile["BM"]) * triton.cdiv(n, tile["BN"]), shares)  # noqa: E731
    _slopes[grid](A, X, r, partials, n, m, k, columns, 2 / m, PRECISION=precision, GROUP=GROUP)


def by_library(theta: Tensor, X: Tensor, y: Tensor, y_hat: Tensor, partials: Tensor, output: bool) -> None:
    """The same, in one row, by the library's products: for float32, which those units do not multiply."""
    (n, m), k = X.shape, (theta.numel() - 1) // (X.shape[0] + 2)
    BM, BN = 16, 256
    A, parts, r = theta[: k * n].view(k, n) @ X, _float32(X, triton.cdiv(k, BM), m), _float32(X, m)
    grid: Any = (triton.cdiv(k, BM), triton.cdiv(m, BN))
    _activate[grid](theta, A, parts, n, m, k, BM=BM, BN=BN)
    residuals(theta, parts, y, y_hat, r, output)
    grid = (triton.cdiv(k, 8),)
    _sums[grid](A, r, partials[0, k * n :], m, k, 2 / m, BM=8, BS=512)
    partials[0, : k * n].view(k, n).copy_(A @ X.T)


def residuals(theta: Tensor, parts: Tensor, y: Tensor, y_hat: Tensor, r: Tensor, output: bool) -> None:
    """r (1, m) = y_hat - y, y_hat being the sum of `parts` (tiles, m) and theta's last number; `output` keeps y_hat."""
    tiles, m = parts.shape
    grid: Any = (triton.cdiv(m, 256),)
    _residuals[grid](theta, parts, y, y_hat, r, theta.numel() - 1, m, tiles, OUTPUT=output, BLOCK=256)


def _float32(like: Tensor, *shape: int) -> Tensor:
    return like.new_empty(shape, dtype=torch.float32)
