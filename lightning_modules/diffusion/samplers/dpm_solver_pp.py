"""DPM-Solver++(2M): second-order multistep solver in log-SNR, for few steps."""

import math

from torch import Tensor

from lightning_modules.diffusion.samplers.base import ReverseProcess, StepSampler


class DPMSolverPP(StepSampler):
    r"""DPM-Solver++(2M) and SDE-DPM-Solver++(2M) of Lu et al. 2022 (arXiv:2211.01095, Algorithm 2 and its SDE form).

    With :math:`\lambda = \log(\alpha / \sigma)` and :math:`h = \lambda_t - \lambda_s` the reverse process (eta = 1: the
    SDE, eta = 0: the probability-flow ODE) is solved exactly but for the denoised estimate D:

    .. math:: x_t = \tfrac{\sigma_t}{\sigma_s} e^{-\eta h} x_s
              + (1 + \eta)\, \alpha_t \int_{\lambda_s}^{\lambda_t} e^{-(1 + \eta)(\lambda_t - \lambda)} D(\lambda)\,
              d\lambda + \sigma_t \sqrt{1 - e^{-2 \eta h}}\, z

    Over a step D is held at the middle of the step, on the line through this estimate and the one before; the weight
    then integrates to :math:`\alpha_t (1 - e^{-(1 + \eta) h})`:

    .. math:: D = D_s + \frac{c}{2r} (D_s - D_\mathrm{prev}), \qquad r = h_\mathrm{prev} / h

    The first step, and the last, which may be much longer than the one before (r near 0), hold :math:`D = D_s`: the
    order stays 2. The last step adds no noise. One evaluation per step. Made for grids that are even in log SNR.

    Published solvers have c = 1. The difference of two estimates holds their errors, too: where networks are small and
    steps few, a smaller c leaves less noise in speech, at the price of order 1; c = 0 is DDIM with the same eta.

    Args:
        stochastic: solve the SDE; false solves the probability-flow ODE and draws no noise.
        correction: c, share of the second-order correction, in [0, 1].

    Raises:
        ValueError: ``correction`` is out of range.
    """

    def __init__(self, stochastic: bool = True, correction: float = 1.0) -> None:
        if not 0.0 <= correction <= 1.0:
            raise ValueError(f"correction must be in [0, 1], got {correction}")
        self.stochastic, self.correction = stochastic, correction

    def solve(self, process: ReverseProcess, x_t: Tensor) -> Tensor:
        eta, previous, h_previous = float(self.stochastic), None, math.inf
        for now, then, last in process.steps():
            h = then.half_log_snr - now.half_log_snr
            denoised = middle = process.denoise(x_t, now)
            if previous is not None and not last:
                middle = denoised + 0.5 * self.correction * h / h_previous * (denoised - previous)
            keep = then.sigma_t / now.sigma_t * math.exp(-eta * h)
            x_t = keep * x_t - then.alpha_t * math.expm1(-(1.0 + eta) * h) * middle
            if self.stochastic and not last:
                x_t = x_t + then.sigma_t * math.sqrt(-math.expm1(-2.0 * h)) * process.noise(x_t)
            previous, h_previous = denoised, h
        return x_t
