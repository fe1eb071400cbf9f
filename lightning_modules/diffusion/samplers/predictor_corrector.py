"""Predictor-corrector: ancestral steps, each followed by Langevin dynamics at the noise level it reached."""

from torch import Tensor

from lightning_modules.diffusion.samplers.base import ReverseProcess, StepSampler
from lightning_modules.diffusion.samplers.ddim import ddim_step, valid_eta
from lightning_modules.ranges import LAYERS, check_ranges


class PredictorCorrector(StepSampler):
    r"""Predictor-corrector sampling of Song et al. 2021 (arXiv:2011.13456, Algorithms 3 and 5).

    The predictor is a step of :class:`DDIM`. The corrector moves the state towards the marginal at the time reached:

    .. math:: x_t \leftarrow x_t + \epsilon\, \nabla_{x_t} \log p_t(x_t) + \sqrt{2 \epsilon}\, z, \qquad
              \epsilon = 2\, (r\, \sigma_t)^2

    Song et al. set epsilon to :math:`2 (r \lVert z \rVert / \lVert \nabla \log p_t \rVert)^2` with norms averaged over
    the batch. Here their quotient is :math:`\sigma_t`, its value for pure noise, so a sample ignores its neighbours.
    The last step adds no noise and is not corrected. In n steps with m corrections n + m (n - 1) evaluations.

    Args:
        snr: signal-to-noise ratio r of a correction, in (0, 1); the stationary variance is too large by at most a
            factor 1 / (1 - r^2).
        num_corrections: Langevin steps per predictor step, at least 1.
        eta: noise level of the predictor in [0, 1]: 0 deterministic, 1 ancestral.

    Raises:
        ValueError: a setting is out of its range.
    """

    def __init__(self, snr: float = 0.16, num_corrections: int = 1, eta: float = 1.0) -> None:
        if not 0.0 < snr < 1.0:
            raise ValueError(f"expected snr in (0, 1), got {snr}")
        check_ranges(num_corrections=(num_corrections, LAYERS))
        self.snr, self.num_corrections, self.eta = snr, num_corrections, valid_eta(eta)

    def solve(self, process: ReverseProcess, x_t: Tensor) -> Tensor:
        pull = 2.0 * self.snr**2  # epsilon times the score is this times (alpha_t denoised - x_t)
        for now, then, last in process.steps():
            x_t, deviation = ddim_step(x_t, process.denoise(x_t, now), now, then, self.eta)
            if last:
                break
            if deviation > 0:
                x_t = x_t + deviation * process.noise(x_t)
            for _ in range(self.num_corrections):
                x_t = x_t + pull * (then.alpha_t * process.denoise(x_t, then) - x_t)
                x_t = x_t + 2.0 * self.snr * then.sigma_t * process.noise(x_t)
        return x_t
