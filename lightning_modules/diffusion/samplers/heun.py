"""Heun: second-order solver of the probability-flow ODE."""

from torch import Tensor

from lightning_modules.diffusion.samplers.base import ReverseProcess, StepSampler
from lightning_modules.diffusion.samplers.grid_points import GridPoint


class Heun(StepSampler):
    r"""Trapezoidal rule on the probability-flow ODE (Karras et al. 2022, arXiv:2206.00364, Algorithm 1).

    .. math:: \frac{d\bar x}{d\bar\sigma} = \frac{\bar x - D(x_t, t)}{\bar\sigma}, \qquad
              \bar x = x_t / \alpha_t, \quad \bar\sigma = \sigma_t / \alpha_t

    In these variables the ODE has no linear drift, and its slope is the noise itself, of order one at every time. The
    last step is Euler's and draws on no estimate at t_min. Deterministic. Two evaluations per step, one in the last:
    2n - 1 in n steps.
    """

    def solve(self, process: ReverseProcess, x_t: Tensor) -> Tensor:
        def slope(scaled: Tensor, point: GridPoint) -> Tensor:
            denoised = process.denoise(point.alpha_t * scaled, point)
            return (scaled - denoised) * (point.alpha_t / point.sigma_t)

        scaled = x_t / process.points[0].alpha_t
        for now, then, last in process.steps():
            step = then.sigma_t / then.alpha_t - now.sigma_t / now.alpha_t
            mean_slope = slope(scaled, now)
            if not last:
                mean_slope = 0.5 * (mean_slope + slope(scaled + step * mean_slope, then))
            scaled = scaled + step * mean_slope
        return process.points[-1].alpha_t * scaled
