"""Time grids: where in diffusion time a sampler places its steps."""

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from itertools import pairwise

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


LEVELS = (152.0, 2.796, 1.237, 0.4915)  # of Karras's grid in twelve steps: its start, and steps 7 to 9


class NoiseLevels(TimeGrid):
    """Times at chosen noise levels, for students that were trained at these alone; then ``sde.t_min``.

    With fewer steps than levels every n-th level is taken, from the first on: of four levels, two steps take the first
    and the third.

    Args:
        levels: decreasing noise levels sigma over alpha; those of the model itself, or a student's usual ones, by
            default. One above the noisiest of the process stands for t = 1.

    Raises:
        ValueError: there are no levels, they do not decrease, or there are more steps than levels.
    """

    def __init__(self, levels: Sequence[float] | None = None) -> None:
        self.levels = [float(level) for level in (LEVELS if levels is None else levels)]
        if not self.levels or not all(a > b for a, b in pairwise([math.inf, *self.levels, 0.0])):
            raise ValueError(f"expected decreasing noise levels above 0, got {self.levels}")

    def __call__(self, num_steps: int, sde: VPSDE) -> Tensor:
        taken = [self.levels[i] for i in self.places(num_steps)]
        times = sde.time_of_log_snr(-2.0 * torch.tensor(taken, dtype=torch.float64).log())
        return torch.cat([times.clamp(sde.t_min, 1.0), torch.tensor([sde.t_min], dtype=torch.float64)])

    def places(self, num_steps: int) -> list[int]:
        """Positions in ``levels`` of the levels that ``num_steps`` steps take."""
        if not 1 <= num_steps <= len(self.levels):
            raise ValueError(
                f"num_steps must be from 1 to {len(self.levels)}, as there are noise levels ({self.levels}), got "
                f"{num_steps}: choose fewer, or another time_grid"
            )
        return [i * len(self.levels) // num_steps for i in range(num_steps)]


def _log_snr_ends(sde: VPSDE) -> list[float]:
    """Log SNR at 1 and at ``sde.t_min``."""
    return sde.log_snr(torch.tensor([1.0, sde.t_min], dtype=torch.float64)).tolist()


def _times(log_snr: Tensor, sde: VPSDE) -> Tensor:
    """Times of increasing log SNR, with ends that rounding has not moved."""
    times = sde.time_of_log_snr(log_snr)
    times[0], times[-1] = 1.0, sde.t_min
    return times
