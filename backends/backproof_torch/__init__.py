"""The four models in PyTorch; autograd gives the gradients."""

from backproof_torch.backend import TorchBackend

backend = TorchBackend()

__all__ = ["TorchBackend", "backend"]
