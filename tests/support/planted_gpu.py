"""What a GPU does to float32 products, simulated on the CPU: PyTorch and NumPy with their factors cut."""

import numpy as np
import torch
from tests.support.planted_precision import BFloat16Operands, RoundedOperands
from torch.utils._python_dispatch import TorchDispatchMode

from backproof import Series
from backproof_torch import TorchBackend

aten = torch.ops.aten
PRODUCTS = {aten.mm.default, aten.mv.default, aten.dot.default, aten.bmm.default, aten.addmm.default}


class TF32Unit(TorchDispatchMode):
    """Products of float32 matrices, forward and backward, as NVIDIA's units do them where the setting allows TF32."""

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        if function in PRODUCTS and torch.get_float32_matmul_precision() != "highest":
            args = tuple(chopped(a) if isinstance(a, torch.Tensor) and a.dtype == torch.float32 else a for a in args)
        return function(*args, **(kwargs or {}))


def chopped(values):
    """Without the last 13 bits of a float32: 11 significand bits are left."""
    return (values.contiguous().view(torch.int32) & ~0x1FFF).view(torch.float32)


class OnTF32Units(TorchBackend):
    """PyTorch on such a device, called cuda here too, so that its series are planned for it."""

    name, devices = "tf32-units", ("cpu", "cuda")
    series = (
        Series("eager"),
        Series("func"),
        Series("manual"),
        Series("tf32", devices=("cuda",), dtypes=("float32",), matmul_precision="tf32"),
    )

    def from_numpy(self, values, dtype, device):
        return super().from_numpy(values, dtype, "cpu")

    def evaluate(self, model, series, params, data):
        with TF32Unit():
            return super().evaluate(model, series, params, data)

    def descend(self, model, series, params, data, learning_rate, steps):
        with TF32Unit():
            return super().descend(model, series, params, data, learning_rate, steps)


class TF32BySetting(OnTF32Units):
    """The same where somebody allowed TF32 for all."""

    name = "tf32-by-setting"

    def __init__(self):
        super().__init__()
        torch.set_float32_matmul_precision("high")


class TF32ByFlag(OnTF32Units):
    """The same, by the older flag."""

    name = "tf32-by-flag"

    def __init__(self):
        super().__init__()
        torch.backends.cuda.matmul.allow_tf32 = True


class Chopped(RoundedOperands):
    """NumPy with factors chopped to 11 bits, declared."""

    name, dtypes, series = "chopped", ("float32",), (Series("reference", matmul_precision="tf32"),)

    def product(self, a, b):
        return np.matmul(
            *((v.view(np.int32) & np.int32(~0x1FFF)).view(np.float32) for v in map(np.ascontiguousarray, (a, b)))
        )


class BFloat16AsTF32(BFloat16Operands):
    """Fewer bits than declared."""

    name, dtypes, series = "bfloat16-as-tf32", ("float32",), (Series("reference", matmul_precision="tf32"),)


class WrongOnCuda(OnTF32Units):
    """Right on one device, twice the gradient on the other."""

    name, series = "wrong-on-cuda", ("eager",)

    def from_numpy(self, values, dtype, device):
        self.factor = 2 if device == "cuda" else 1
        return super().from_numpy(values, dtype, device)

    def evaluate(self, model, series, params, data):
        loss, y_hat, gradients = super().evaluate(model, series, params, data)
        return loss, y_hat, {name: self.factor * g for name, g in gradients.items()}


class Lacking(TorchBackend):
    """A series whose compiler is missing."""

    name, series = "lacking", ("eager", Series("kernels", unavailable="no module triton"))
