"""Distributions of the diffusion times, and so of the noise levels, of training."""

from abc import ABC, abstractmethod

import torch
from torch import Tensor

from lightning_modules.diffusion.sde import VPSDE
from lightning_modules.ranges import ABOVE_ZERO, FINITE, check_ranges


class TimeDistribution(ABC):
    """Distribution of training times; chosen in YAML by ``class_path``."""

    @abstractmethod
    def __call__(self, batch_size: int, sde: VPSDE, device: torch.device | None = None) -> Tensor:
        """Independent times ``(B,)`` in [t_min, 1] from the global random state."""


class UniformTimes(TimeDistribution):
    """Uniform in [t_min, 1] (Song et al. 2021, arXiv:2011.13456, Eq. 7)."""

    def __call__(self, batch_size: int, sde: VPSDE, device: torch.device | None = None) -> Tensor:
        return sde.t_min + (1.0 - sde.t_min) * torch.rand(batch_size, device=device)


class LogNormalTimes(TimeDistribution):
    r"""Log-normal noise-to-signal ratio (Karras et al. 2022, arXiv:2206.00364, Section 5), cut to [t_min, 1].

    .. math:: \log(\sigma_t / \alpha_t) \sim \mathcal N(\text{mean}, \text{std}^2)

    At half of the times of a linear-beta process noise drowns the signal; this distribution spends a short training at
    noise levels where there is something to learn.

    Args:
        mean: mean of the logarithm.
        std: standard deviation of the logarithm.
    """

    def __init__(self, mean: float = -0.4, std: float = 1.5) -> None:
        check_ranges(mean=(mean, FINITE), std=(std, ABOVE_ZERO))
        self.mean, self.std = mean, std

    def __call__(self, batch_size: int, sde: VPSDE, device: torch.device | None = None) -> Tensor:
        log_ratio = self.mean + self.std * torch.randn(batch_size, device=device)
        return sde.time_of_log_snr(-2.0 * log_ratio).clamp(sde.t_min, 1.0)
