"""The kernels' other paths, which shapes alone choose, made to take the small cells too (TRITON_INTERPRET=1)."""

from backproof_torch import TorchBackend
from backproof_torch.kernels import network, regressions, small, steps

SERIES = tuple(one for one in TorchBackend().series if one.name in ("triton", "triton-tf32"))


class OneProgram(TorchBackend):
    """As it is: K steps in one program."""

    name, series = "one-program", SERIES


class TwoStages(TorchBackend):
    """Programs share the columns; a second stage adds up their sums."""

    name, series = "two-stages", SERIES

    def __init__(self):
        super().__init__()
        small.MOST = 0
        regressions.TILE, regressions.WIDEST = 64, 8
        tile = network.tile
        network.tile = lambda n, k, precision: (*tile(n, k, precision)[:2], 16)


class Products(TorchBackend):
    """The sigmoid network as two products of matrices."""

    name, series = "products", SERIES

    def __init__(self):
        super().__init__()
        small.MOST = 0
        network.FITS.update(ieee=0, tf32=0)
        steps.SHARE = 16
