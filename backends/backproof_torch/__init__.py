"""The four models in PyTorch: autograd's gradients, and as a control the hand-derived ones."""

from backproof_torch.backend import TorchBackend
from backproof_torch.gpu import TorchGPU
from backproof_torch.loops import TorchLoops

backend = TorchGPU()

__all__ = ["TorchBackend", "TorchGPU", "TorchLoops", "backend"]
