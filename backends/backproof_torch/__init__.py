"""The four models in PyTorch: autograd's gradients, and as a control the hand-derived ones."""

from backproof_torch.backend import TorchBackend

backend = TorchBackend()

__all__ = ["TorchBackend", "backend"]
