"""Time grids: where in diffusion time a sampler places its steps."""

import math
from abc import ABC, abstractmethod

import torch
from torch import Tensor

from lightning_modules.diffusion.sde import VPSDE


class TimeGrid(ABC):
    """Decreasing diffusion times from 1 to ``sde.t_min``; chosen in YAML by ``class_path``."""

    @abstractmethod
    def __call__(self, num_steps: int, sde: VPSDE) -> Tensor:
        """Times ``(num_steps + 1,)`` in float64."""


class UniformTime(TimeGrid):
    """Equal steps in diffusion time."""

    def __call__(self, num_steps: int, sde: VPSDE) -> Tensor:
        return torch.linspace(1.0, sde.t_min, num_steps + 1, dtype=torch.float64)


class UniformLogSNR(TimeGrid):
    r"""Equal steps in :math:`\log(\alpha_t^2 / \sigma_t^2)`, as DPM-Solver takes them (arXiv:2206.00927)."""

    def __call__(self, num_steps: int, sde: VPSDE) -> Tensor:
        first, last = sde.log_snr_range()
        return _times(torch.linspace(first, last, num_steps + 1, dtype=torch.float64), sde)


class Karras(TimeGrid):
    r"""Equal steps in a root of the noise-to-signal ratio (Karras et al. 2022, arXiv:2206.00364, Eq. 5).

    .. math:: \bar\sigma_i = \Bigl(\bar\sigma_0^{1/\rho} + \tfrac{i}{n}
              \bigl(\bar\sigma_n^{1/\rho} - \bar\sigma_0^{1/\rho}\bigr)\Bigr)^{\rho}, \qquad
              \bar\sigma = \sigma_t / \alpha_t

    Args:
        rho: 1 spaces the ratio itself evenly; the larger, the more steps lie at low noise (without bound: uniform in
            log SNR).

    Raises:
        ValueError: ``rho`` is not above 0 or not finite.
    """

    def __init__(self, rho: float = 7.0) -> None:
        if not 0.0 < rho < math.inf:
            raise ValueError(f"expected a finite rho > 0, got {rho}")
        self.rho = rho

    def __call__(self, num_steps: int, sde: VPSDE) -> Tensor:
        first, last = (math.exp(-0.5 * log_snr / self.rho) for log_snr in sde.log_snr_range())
        roots = torch.linspace(first, last, num_steps + 1, dtype=torch.float64)
        return _times(-2.0 * self.rho * roots.log(), sde)


def _times(log_snr: Tensor, sde: VPSDE) -> Tensor:
    """Times of increasing log SNR, with ends that rounding has not moved."""
    times = sde.time_of_log_snr(log_snr)
    times[0], times[-1] = 1.0, sde.t_min
    return times
