"""The sampler of distilled students: each evaluation jumps to an estimate, which is noised again for the next."""

import math
from itertools import pairwise

from torch import Tensor

from lightning_modules.diffusion.samplers.base import DenoiserCall, Sampler, SamplerOutput
from lightning_modules.diffusion.samplers.grid_points import GridPoint, grid_points
from lightning_modules.diffusion.samplers.noise import NoiseSource
from lightning_modules.diffusion.sde import VPSDE


class FewStep(Sampler):
    r"""Draws with a denoiser that was trained to jump, in one evaluation or a few; other denoisers only blur.

    .. math:: x_u = \alpha_u D + \sigma_u \Bigl(\sqrt{1 - r^2}\, \frac{x_t - \alpha_t D}{\sigma_t} + r z\Bigr)

    D is the estimate at t, z fresh noise and r the share that is renewed. With r = 1 it is the multistep sampling of
    consistency models (Song et al. 2023, arXiv:2303.01469, Algorithm 1), right for students that say where a whole path
    ends; with r = 0 a step of DDIM, right for those that learn segments of it. The result is the last estimate, not a
    state: nothing is noised after it.

    Args:
        renew: r in [0, 1].

    Raises:
        ValueError: ``renew`` is not in [0, 1].
    """

    def __init__(self, renew: float = 1.0) -> None:
        if not 0.0 <= renew <= 1.0:
            raise ValueError(f"expected renew in [0, 1], got {renew}")
        self.renew = renew

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
            denoised = denoiser(x_t, now.t, y)
            if then is not points[-1]:
                x_t = jump(x_t, denoised, now, then, self.renew, noise)
        return SamplerOutput(denoised, len(points) - 1)


def jump(x_t: Tensor, denoised: Tensor, now: GridPoint, then: GridPoint, renew: float, noise: NoiseSource) -> Tensor:
    """State at ``then`` of the estimate ``denoised`` that was made of ``x_t`` at ``now``; see :class:`FewStep`."""
    x_u = then.alpha_t * denoised
    if renew < 1.0:
        kept = then.sigma_t * math.sqrt(1.0 - renew**2) / now.sigma_t
        x_u = x_u + kept * (x_t - now.alpha_t * denoised)
    return x_u + then.sigma_t * renew * noise.draw().to(x_t) if renew > 0.0 else x_u
