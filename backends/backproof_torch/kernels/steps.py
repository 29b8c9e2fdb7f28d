"""From a model's arrays to kernels and back: which first stage suits the shape, and how many programs run it."""

from collections.abc import Mapping

import torch
import triton
from torch import Tensor

from backproof.models.model import Model
from backproof_torch.kernels import network, products, regressions
from backproof_torch.kernels.finish import finish
from backproof_torch.kernels.small import steps_in_one

WAVES = 4  # programs for each of the GPU's processors, at most
SHARE = 1024  # columns that are worth a share of the second product


class Kernels:
    """The steps of one model on one set of data, by kernels. `precision`, of float32 products: "ieee" or "tf32"."""

    def __init__(self, model: Model, data: Mapping[str, Tensor], precision: str) -> None:
        self.model = model
        self.X, self.y = (data[name].contiguous() for name in data)  # x or X, then y, as the models have them
        self.precision = precision if self.y.dtype == torch.float32 else "tf32"
        self.by_columns: Tensor | None = None

    def evaluate(self, params: Mapping[str, Tensor]) -> tuple[Tensor, Tensor, dict[str, Tensor]]:
        """Loss, y_hat and the gradients, each in the data's dtype."""
        theta, y_hat = joined(params), torch.empty_like(self.y)
        out = theta.new_empty(theta.numel() + 1, dtype=torch.float32)
        finish(self._sums(theta, y_hat, True), theta, out, None, self._rows)
        out = out.to(theta.dtype)
        return out[-1], y_hat, parted(out, params)

    def step(self, theta: Tensor, rate: float) -> Tensor:
        """theta after a step."""
        out = torch.empty_like(theta)
        finish(self._sums(theta, self.y, False), theta, out, rate, self._rows)
        return out

    def steps(self, theta: Tensor, rate: float, steps: int) -> Tensor | None:
        """theta after `steps` steps by one program, or None where that is too small."""
        return steps_in_one(self.model.is_network, theta, self.X, self.y, rate, steps, self.precision)

    @property
    def _rows(self) -> tuple[int, int] | None:
        return (self.k, self.X.shape[0]) if self.model.is_network else None

    def _sums(self, theta: Tensor, y_hat: Tensor, output: bool) -> Tensor:
        """The first stage's partial sums, (programs, numbers of theta + 1) in float32."""
        (n, m), X, y = self.X.shape, self.X, self.y
        if self.model.has_one_feature:
            sums = self._partials(theta, min(triton.cdiv(m, 2048), self._programs))
            regressions.univariate(theta, X, y, y_hat, sums, output)
            return sums
        if self.model.is_regression:
            sums = self._partials(theta, min(triton.cdiv(m, regressions.tile(n)[1]), self._programs))
            regressions.multivariate(theta, X, y, y_hat, sums, output)
            return sums
        self.k = network.units(theta, X)
        if network.fits(n, self.k, self.precision):
            sums = self._partials(
                theta, min(triton.cdiv(m, network.tile(n, self.k, self.precision)[2]), self._programs // 2)
            )
            network.network(theta, X, y, y_hat, sums, output, self.precision)
            return sums
        if self.precision == "ieee":
            sums = self._partials(theta, 1)
            products.by_library(theta, X, y, y_hat, sums, output)
            return sums
        if self.by_columns is None:
            wide = X.dtype == torch.float32
            self.by_columns = X.T.contiguous().T if wide else X
        tiles = triton.cdiv(self.k, 128) * triton.cdiv(n, 128)
        sums = self._partials(theta, max(1, min(self._programs // (2 * tiles), triton.cdiv(m, SHARE))))
        products.by_units(theta, X, self.by_columns, y, y_hat, sums, output, self.precision)
        return sums

    def _partials(self, theta: Tensor, programs: int) -> Tensor:
        return theta.new_empty(programs, theta.numel() + 1, dtype=torch.float32)

    @property
    def _programs(self) -> int:
        if not self.y.is_cuda:
            return WAVES  # in the interpreter: enough for several to share the columns
        return WAVES * int(torch.cuda.get_device_properties(self.y.device).multi_processor_count)


def joined(params: Mapping[str, Tensor]) -> Tensor:
    """theta: the parameters one after the other."""
    return torch.cat([p.reshape(-1) for p in params.values()])


def parted(theta: Tensor, params: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """theta as parameters of the shapes of `params`."""
    parts = theta[: sum(p.numel() for p in params.values())].split([p.numel() for p in params.values()])
    return {name: part.reshape(p.shape) for (name, p), part in zip(params.items(), parts, strict=True)}
