"""The second stage: partial sums added up, in an order that the shapes alone decide."""

from typing import Any

import triton
import triton.language as tl
from torch import Tensor

from backproof_torch.kernels.primitives import rounded

BLOCK, PARTS = 64, 32


@triton.jit
def _finish(
    partials, theta, out, rate, programs, size, k, n,
    SCALED: tl.constexpr, STEP: tl.constexpr, BLOCK: tl.constexpr, PARTS: tl.constexpr,
):  # fmt: skip
    """out = theta - rate * g, or g and the loss: `size` parameters, partials (programs, size + 1).

    SCALED: of the sigmoid network's g, the rows of W1 and b1 wait for their factor, w2 transposed.
    """
    at = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    inside = at <= size
    sums = tl.zeros((PARTS, BLOCK), tl.float32)
    for first in range(0, programs, PARTS):
        row = first + tl.arange(0, PARTS)
        places = row[:, None].to(tl.int64) * (size + 1) + at[None, :]
        sums += tl.load(partials + places, (row < programs)[:, None] & inside[None, :], other=0.0)
    g = tl.sum(sums, 0)
    if SCALED:
        waits = at < k * n + k
        row = tl.where(at < k * n, at // n, at - k * n)
        g = tl.where(waits, g * tl.load(theta + k * n + k + row, waits, other=0.0).to(tl.float32), g)
    if STEP:
        p = tl.load(theta + at, at < size, other=0.0).to(tl.float32)
        tl.store(out + at, rounded(p - rate * g, out), at < size)
    else:
        tl.store(out + at, g, inside)


def finish(partials: Tensor, theta: Tensor, out: Tensor, rate: float | None, rows: tuple[int, int] | None) -> None:
    """Add up `partials` into `out`: theta after a step, or (`rate` is None) the gradient and the loss, in float32.

    `rows` is (k, n) of a W1 that waits for its factor.
    """
    programs, size = partials.shape[0], theta.numel()
    k, n = rows or (1, 1)
    grid: Any = (triton.cdiv(size + 1, BLOCK),)
    _finish[grid](
        partials, theta, out, rate or 0.0, programs, size, k, n,
        SCALED=rows is not None, STEP=rate is not None, BLOCK=BLOCK, PARTS=PARTS,
    )  # fmt: skip
