"""A degradation that makes log-Mels of recordings look like generated ones."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lightning_modules.audio.log_mel import LogMel
from lightning_modules.ranges import AT_LEAST_ZERO, BELOW_ONE, SHARE, check_ranges


class MelDegradation(nn.Module):
    """Adds noise and blur to some of the clips, as diffusion leaves them: a vocoder trained without them buzzes.

    Each chosen clip draws its own noise level and blur, uniform between 0 and the largest.

    Args:
        share: probability that a clip is changed.
        noise: largest standard deviation of the added noise, nats.
        blur: largest weight of a frame's (and a band's) two neighbours together, in [0, 1).
    """

    def __init__(self, share: float = 0.5, noise: float = 0.3, blur: float = 0.5) -> None:
        super().__init__()
        check_ranges(share=(share, SHARE), noise=(noise, AT_LEAST_ZERO), blur=(blur, BELOW_ONE))
        self.share, self.noise, self.blur = share, noise, blur

    def prepare(self, front_end: LogMel) -> None:
        """Prepare for Mels of ``front_end`` before training starts; here there is nothing to do."""

    def forward(self, log_mel: Tensor) -> Tensor:
        """Changed copy of ``log_mel`` ``(B, F, L)``, drawn from the global random state."""
        chosen, noise, blur = torch.rand(3, len(log_mel), 1, 1, device=log_mel.device)
        blurred = _blurred(_blurred(log_mel, self.blur * blur).mT, self.blur * blur).mT
        changed = blurred + self.noise * noise * torch.randn_like(log_mel)
        return torch.where(chosen < self.share, changed, log_mel)


def _blurred(x: Tensor, weight: Tensor) -> Tensor:
    """Weighted mean of each column of ``x`` ``(B, F, L)`` with its two neighbours."""
    padded = F.pad(x, (1, 1), mode="replicate")
    return (1.0 - weight) * x + weight * 0.5 * (padded[..., :-2] + padded[..., 2:])
