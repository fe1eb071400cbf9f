"""Heun: second-order solver of the probability-flow ODE."""

from itertools import pairwise

from torch import Tensor

from lightning_modules.diffusion.samplers.base import DenoiserCall, Sampler, SamplerOutput
from lightning_modules.diffusion.samplers.grid_points import GridPoint, grid_points
from lightning_modules.diffusion.samplers.noise import NoiseSource
from lightning_modules.diffusion.sde import VPSDE


class Heun(Sampler):
    r"""Trapezoidal rule on the probability-flow ODE (Karras et al. 2022, arXiv:2206.00364, Algorithm 1).

    .. math:: \frac{d\bar x}{d\bar\sigma} = \frac{\bar x - D(x_t, t)}{\bar\sigma}, \qquad
              \bar x = x_t / \alpha_t, \quad \bar\sigma = \sigma_t / \alpha_t

    In these variables the ODE has no linear drift, and its slope is the noise itself, of order one at every time. The
    last step is Euler's and draws on no estimate at t_min. Deterministic. Two evaluations per step, one in the last:
    2n - 1 in n steps.
    """

    def __call__(
        self,
        denoiser: DenoiserCall,
        sde: VPSDE,
        x_init: Tensor,
        times: Tensor,
        noise: NoiseSource,
        y: Tensor | None = None,
    ) -> SamplerOutput:
        def slope(scaled: Tensor, point: GridPoint) -> Tensor:
            denoised = denoiser(point.alpha_t * scaled, point.t, y)
            return (scaled - denoised) * (point.alpha_t / point.sigma_t)

        points, nfe = grid_points(sde, times, x_init), 0
        scaled = x_init / points[0].alpha_t
        for now, then in pairwise(points):
            step = then.sigma_t / then.alpha_t - now.sigma_t / now.alpha_t
            mean_slope, nfe = slope(scaled, now), nfe + 1
            if then is not points[-1]:
                mean_slope, nfe = 0.5 * (mean_slope + slope(scaled + step * mean_slope, then)), nfe + 1
            scaled = scaled + step * mean_slope
        return SamplerOutput(points[-1].alpha_t * scaled, nfe)
