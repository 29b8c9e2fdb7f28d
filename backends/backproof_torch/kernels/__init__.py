"""The hand-derived steps as Triton kernels: one pass over the data, sums in one order, the same bits every time.

Every first stage leaves its programs' partial sums in float32, a row a program, laid out as `theta` is (the parameters
one after the other), the loss last; `finish` adds the rows up and takes the step. Imported where Triton is.
"""

import os

# Multiplications and additions fused, as by default: Triton warns that it will change that. The bounds hold for both.
os.environ.setdefault("TRITON_DEFAULT_FP_FUSION", "1")
