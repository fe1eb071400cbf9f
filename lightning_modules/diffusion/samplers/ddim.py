"""DDIM: first-order exponential integrator between the deterministic flow and ancestral sampling."""

import math

from torch import Tensor

from lightning_modules.diffusion.samplers.base import ReverseProcess, StepSampler
from lightning_modules.diffusion.samplers.grid_points import GridPoint


class DDIM(StepSampler):
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

    def solve(self, process: ReverseProcess, x_t: Tensor) -> Tensor:
        for now, then, last in process.steps():
            x_t, deviation = ddim_step(x_t, process.denoise(x_t, now), now, then, self.eta)
            if deviation > 0 and not last:
                x_t = x_t + deviation * process.noise(x_t)
        return x_t


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
