"""The four models in PyTorch: autograd's gradients, and as a control the hand-derived ones."""

from backproof_torch.backend import TorchBackend
from backproof_torch.loops import TorchLoops

backend = TorchLoops()

__all__ = ["TorchBackend", "TorchLoops", "backend"]
