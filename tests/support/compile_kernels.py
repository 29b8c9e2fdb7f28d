"""Compile the kernels for an H100 (sm_90), which need not be here: a line of JSON a kernel, with what it would take.

python -m tests.support.compile_kernels
"""

import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import triton
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource

from backproof_torch.kernels import finish, network, products, regressions, small

F, H = "*fp32", "*bf16"
CUOBJDUMP = Path(triton.__file__).parent / "backends/nvidia/bin/cuobjdump"
WIDE, TALL = dict(BM=128, BN=256, BS=64), dict(BM=128, BN=128, BS=32)
KERNELS = [  # kernel, dtype of the arrays, constants, warps, stages
    (regressions._univariate, F, dict(OUTPUT=False, BLOCK=2048), 4, 3),
    (regressions._multivariate, F, dict(OUTPUT=False, WHOLE=True, BN=256, BM=32), 8, 3),
    (regressions._multivariate, F, dict(OUTPUT=True, WHOLE=False, BN=1024, BM=16), 8, 3),
    (network._network, F, dict(OUTPUT=False, PRECISION="ieee", BK=64, BN=64, BM=32), 8, 3),
    (network._network, F, dict(OUTPUT=False, PRECISION="tf32", BK=128, BN=128, BM=64), 8, 3),
    (network._network, H, dict(OUTPUT=True, PRECISION="tf32", BK=128, BN=128, BM=64), 8, 3),
    (small._network, F, dict(PRECISION="ieee", BK=16, BN=16, BM=32), 4, 3),
    (small._regression, F, dict(BN=8, BM=1024), 4, 3),
    (finish._finish, F, dict(SCALED=True, STEP=True, BLOCK=64, PARTS=32), 4, 3),
    (products._hidden, F, dict(PRECISION="tf32", GROUP=8, along_n=1, **TALL), 8, 4),
    (products._slopes, F, dict(PRECISION="tf32", GROUP=8, **TALL), 8, 4),
    (products._hidden, H, dict(PRECISION="tf32", GROUP=8, along_m=1, **WIDE), 8, 3),
    (products._slopes, H, dict(PRECISION="tf32", GROUP=8, **WIDE), 8, 3),
    (products._residuals, F, dict(OUTPUT=False, BLOCK=256), 4, 3),
    (products._activate, F, dict(BM=16, BN=256), 4, 3),
    (products._sums, F, dict(BM=8, BS=512), 4, 3),
]
SUMS = {"partials", "parts", "r", "sums"}  # float32 whatever the arrays are
POINTERS = {"theta", "X", "x", "y", "y_hat", "out", "A", "Z", *SUMS}
FLOATS = {"rate", "two_over_m"}


def compiled(kernel, dtype, constants, warps, stages):
    """Sizes are taken to be multiples of 16, which a launch sees of the goals' sizes."""
    while not isinstance(kernel, triton.JITFunction):
        kernel = kernel.fn
    types = {name: F if name in SUMS else dtype for name in POINTERS} | dict.fromkeys(FLOATS, "fp32")
    signature = {name: "constexpr" if name in constants else types.get(name, "i32") for name in kernel.arg_names}
    aligned = {(at,): [["tt.divisibility", 16]] for at, t in enumerate(signature.values()) if t[0] in "*i"}
    source = ASTSource(kernel, signature, constants, aligned)
    options = {"num_warps": warps, "num_stages": stages}
    made = triton.compile(source, target=GPUTarget("cuda", 90, 32), options=options)
    with tempfile.NamedTemporaryFile(suffix=".cubin") as file:
        Path(file.name).write_bytes(made.asm["cubin"])
        told = subprocess.run([CUOBJDUMP, "-res-usage", file.name], capture_output=True, text=True, check=True).stdout
    used = dict(re.findall(r"(REG|STACK|LOCAL):(\d+)", told))
    return {
        "kernel": kernel.__name__,
        "dtype": dtype,
        "constants": constants,
        "shared": made.metadata.shared,
        "registers": int(used["REG"]),
        "spilled": int(used["STACK"]) + int(used["LOCAL"]),
        "wgmma": made.asm["ptx"].count("wgmma.mma_async"),
    }


if __name__ == "__main__":
    for one in KERNELS:
        sys.stdout.write(json.dumps(compiled(*one)) + "\n")
        sys.stdout.flush()
