"""The critic: small trained heads on features of the frozen classifier, which tell drawn from recorded log-Mels."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from lightning_modules.networks.blocks import group_norm
from lightning_modules.networks.fusion import rms_normalize
from lightning_modules.networks.taps import TapShape


class Critic(nn.Module):
    """One head per feature tap of a frozen network; the network itself is no part of it.

    A head is two 3x3 convolutions with GroupNorm and LeakyReLU, a 1x1 convolution to a map of logits, and a projection
    of the label on the map before it (Miyato and Koyama 2018, arXiv:1802.05637).

    Args:
        taps: places of the network that are read, with their shapes.
        num_classes: classes, K, of which each has a vector per head.
        width: channels of each head.

    Raises:
        ValueError: there are no taps.
    """

    def __init__(self, taps: Sequence[TapShape], num_classes: int = 10, width: int = 64) -> None:
        super().__init__()
        if not taps:
            raise ValueError("a critic needs at least one tap to read")
        self.names = [tap.tap.module for tap in taps]
        self.heads = nn.ModuleList(_Head(tap.shape[0], num_classes, width) for tap in taps)

    def forward(self, features: dict[str, Tensor], y: Tensor) -> list[Tensor]:
        """Logits ``(B, F', L')`` per tap, above 0 for recordings, of features by name and labels ``y`` ``(B,)``."""
        return [head(features[name], y) for name, head in zip(self.names, self.heads, strict=True)]


class _Head(nn.Module):
    def __init__(self, channels: int, num_classes: int, width: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(channels, width, 3, padding=1),
            group_norm(width),
            nn.LeakyReLU(0.2),
            nn.Conv2d(width, width, 3, padding=1),
            group_norm(width),
            nn.LeakyReLU(0.2),
        )
        self.out, self.classes = nn.Conv2d(width, 1, 1), nn.Embedding(num_classes, width)

    def forward(self, feature: Tensor, y: Tensor) -> Tensor:
        h = self.body(rms_normalize(feature))
        of_label = torch.einsum("bcfl,bc->bfl", h, self.classes(y)) / math.sqrt(h.shape[1])
        return self.out(h).squeeze(1) + of_label
