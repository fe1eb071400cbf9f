"""DDIM: first-order exponential integrator between the deterministic flow and ancestral sampling."""

import math
from itertools import pairwise

from torch import Tensor

from lightning_modules.diffusion.samplers.base import DenoiserCall, Sampler, SamplerOutput
from lightning_modules.diffusion.samplers.grid_points import GridPoint, grid_points
from lightning_modules.diffusion.samplers.noise import NoiseSource
from lightning_modules.diffusion.sde import VPSDE


class DDIM(Sampler):
    r"""Implicit model of Song et al. 2020 (arXiv:2010.02502, Eq. 12), from time s to t.

    .. math:: x_t = \alpha_t D + \sqrt{\sigma_t^2 - v^2}\, \frac{x_s - \alpha_s D}{\sigma_s} + v z, \qquad
              v = \eta\, \sigma_t \sqrt{1 - e^{-2h}}

    D is the denoised estimate at s and :math:`h = \lambda_t - \lambda_s` with :math:`\lambda = \log(\alpha / \sigma)`;
    v is their Eq. 16 in these terms. Exact where D does not change. The last step adds no noise. One evaluation per
    step.

    Args:
        eta: noise level in [0, 1]: 0 solves the probability-flow ODE, 1 is ancestral sampling (DDPM).

    Raises:
        ValueError: ``eta`` is not in [0, 1].
    """

    def __init__(self, eta: float = 0.0) -> None:
        self.eta = valid_eta(eta)

    def __call__(
        self,
        denoiser: DenoiserCall,
        sde: VPSDE,
        x_init: Tensor,
        times: Tensor,
        noise: NoiseSource,
        y: Tensor | None = None,
    ) -> SamplerOutput:
        x_t, points = x_init, grid_points(sde, times, x_init)
        for now, then in pairwise(points):
            x_t, deviation = ddim_step(x_t, denoiser(x_t, now.t, y), now, then, self.eta)
            if deviation > 0 and then is not points[-1]:
                x_t = x_t + deviation * noise.draw().to(x_t)
        return SamplerOutput(x_t, len(points) - 1)


def ddim_step(x_s: Tensor, denoised: Tensor, now: GridPoint, then: GridPoint, eta: float) -> tuple[Tensor, float]:
    """Mean and standard deviation of the state at ``then``, given ``x_s`` and its estimate at ``now``."""
    fresh = -(eta**2) * math.expm1(2.0 * (now.half_log_snr - then.half_log_snr))  # share of the new noise's variance
    keep = then.sigma_t / now.sigma_t * math.sqrt(1.0 - fresh)
    return keep * x_s + (then.alpha_t - keep * now.alpha_t) * denoised, then.sigma_t * math.sqrt(fresh)


def valid_eta(eta: float) -> float:
    """Return ``eta``, or refuse it where it is no noise level in [0, 1]."""
    if not 0.0 <= eta <= 1.0:
        raise ValueError(f"expected eta in [0, 1], got {eta}")
    return eta
