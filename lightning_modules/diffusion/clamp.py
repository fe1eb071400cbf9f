"""Clamping estimates of the clean log-Mel to the range that data can take."""

import math
from typing import Any

import torch
from torch import Tensor, nn

from lightning_modules.diffusion.guidance import GuidableDenoiser


class Clamp(nn.Module):
    r"""A denoiser whose estimate is held in [-limit, limit]; the same interface as what it wraps.

    Static: what lies outside is clipped. Dynamic (Imagen, Saharia et al. 2022, arXiv:2205.11487, Section 2.3): a sample
    is clipped at its own quantile, where that is larger than the limit, and scaled down to it:

    .. math:: x \leftarrow \mathrm{clip}(x, -s, s)\,\frac{l}{s}, \qquad s = \max(l, Q_p(|x|))

    Args:
        denoiser: denoiser to wrap.
        limit: l, largest magnitude of the estimate, in units of the scaled log-Mel; data lie in [-1, 1].
        quantile: p in (0, 1] of dynamic thresholding; None for static.
    """

    def __init__(self, denoiser: GuidableDenoiser, limit: float, quantile: float | None = None) -> None:
        super().__init__()
        self.denoiser, self.limit, self.quantile = denoiser, limit, quantile

    @property
    def conditional(self) -> bool:
        """Whether the wrapped denoiser's network reads labels."""
        return getattr(self.denoiser, "conditional", False)

    @property
    def follows_labels(self) -> bool:
        """Whether the wrapped denoiser's estimate without guidance is that of a label."""
        return getattr(self.denoiser, "follows_labels", False)

    def read(self, x_t: Tensor, t: Tensor, differentiable: bool = False) -> Any:
        return self.denoiser.read(x_t, t, differentiable)

    def denoise(self, x_t: Tensor, t: Tensor, reading: Any = None, y: Tensor | None = None) -> Tensor:
        denoised = self.denoiser.denoise(x_t, t, reading, y)
        if self.quantile is None:
            return denoised.clamp(-self.limit, self.limit)
        sizes = denoised.abs().flatten(1).sort(dim=1).values  # torch.quantile cannot be traced into a graph
        place = self.quantile * (sizes.shape[1] - 1)
        below, above = sizes[:, math.floor(place)], sizes[:, math.ceil(place)]
        largest = torch.lerp(below, above, place % 1.0).clamp(min=self.limit).reshape(-1, 1, 1, 1)
        return denoised.clamp(-largest, largest) * (self.limit / largest)

    def forward(self, x_t: Tensor, t: Tensor, y: Tensor | None = None) -> Tensor:
        return self.denoise(x_t, t, self.read(x_t, t), y)
