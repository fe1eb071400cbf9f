"""Keeping estimates of the clean log-Mel inside the range that data can take."""

from typing import Any

from torch import Tensor, nn

from lightning_modules.diffusion.guidance import GuidableDenoiser


class Clamp(nn.Module):
    """A denoiser whose estimate is clipped to [-limit, limit]; the same interface as what it wraps.

    Args:
        denoiser: denoiser to wrap.
        limit: largest magnitude of the estimate, in units of the scaled log-Mel; data lie in [-1, 1].
    """

    def __init__(self, denoiser: GuidableDenoiser, limit: float) -> None:
        super().__init__()
        self.denoiser, self.limit = denoiser, limit

    @property
    def conditional(self) -> bool:
        """Whether the wrapped denoiser's network is told labels."""
        return getattr(self.denoiser, "conditional", False)

    def read(self, x_t: Tensor, t: Tensor, differentiable: bool = False) -> Any:
        return self.denoiser.read(x_t, t, differentiable)

    def denoise(self, x_t: Tensor, t: Tensor, reading: Any = None, y: Tensor | None = None) -> Tensor:
        return self.denoiser.denoise(x_t, t, reading, y).clamp(-self.limit, self.limit)

    def forward(self, x_t: Tensor, t: Tensor, y: Tensor | None = None) -> Tensor:
        return self.denoise(x_t, t, self.read(x_t, t), y)
