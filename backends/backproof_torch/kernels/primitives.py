"""What the kernels share."""

import os

import triton
import triton.language as tl

INTERPRETED = tl.constexpr(os.environ.get("TRITON_INTERPRET") == "1")


@triton.jit
def product(a, b, total, PRECISION: tl.constexpr):
    """total + a b, summed in float32; PRECISION, "ieee" or "tf32", is of float32 factors."""
    if INTERPRETED:  # which multiplies the bits of bfloat16 as if they were integers
        a, b = a.to(tl.float32), b.to(tl.float32)
    return tl.dot(a, b, total, input_precision=PRECISION)


@triton.jit
def rounded(x, pointer):
    """x, of float32, in the dtype that `pointer` points to."""
    if INTERPRETED and pointer.dtype.element_ty == tl.bfloat16:  # which would cut the bits off
        bits = x.to(tl.int32, bitcast=True)
        bits = tl.where(x == x, bits + 0x7FFF + ((bits >> 16) & 1), bits)
        x = bits.to(tl.float32, bitcast=True)
    return x.to(pointer.dtype.element_ty)


@triton.jit
def exp_of_negative(x):
    """exp(x) for x <= 0, float32, within 1.5 units roundoff (the fast one loses |x| of them); 0 below -87.3.

    x = i log 2 + r, |r| <= log(2) / 2; exp(r) by its Taylor polynomial, 2^i by its bits. i times the first part of
    log 2 is exact.
    """
    i = tl.floor(x * 1.4426950408889634 + 0.5)
    r = (x - i * 0.693359375) + i * 2.12194440e-4
    p = 1.0 + r * (1.0 + r * (0.5 + r * (1 / 6 + r * (1 / 24 + r * (1 / 120 + r * (1 / 720 + r * (1 / 5040)))))))
    power = ((tl.maximum(i, -126.0).to(tl.int32) + 127) << 23).to(tl.float32, bitcast=True)
    return tl.where(x < -87.3, 0.0, p * power)


@triton.jit
def sigmoid(z):
    """1 / (1 + exp(-z)), accurate in relative terms in both tails; NaN stays NaN."""
    e = exp_of_negative(-tl.abs(z))
    return tl.div_rn(tl.where(z >= 0, 1.0, e), 1.0 + e)
