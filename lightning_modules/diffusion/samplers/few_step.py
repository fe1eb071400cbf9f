"""The sampler of distilled students: each evaluation jumps to an estimate, which is noised again for the next."""

import math
from collections.abc import Callable

from torch import Tensor

from lightning_modules.diffusion.samplers.base import ReverseProcess, StepSampler
from lightning_modules.diffusion.samplers.grid_points import GridPoint


class FewStep(StepSampler):
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

    def solve(self, process: ReverseProcess, x_t: Tensor) -> Tensor:
        for now, then, last in process.steps():
            denoised = process.denoise(x_t, now)
            if not last:
                x_t = jump(x_t, denoised, now, then, self.renew, process.noise)
        return denoised


def jump(
    x_t: Tensor, denoised: Tensor, now: GridPoint, then: GridPoint, renew: float, noise: Callable[[Tensor], Tensor]
) -> Tensor:
    """State at ``then`` of the estimate ``denoised`` that was made of ``x_t`` at ``now``; see :class:`FewStep`."""
    x_u = then.alpha_t * denoised
    if renew < 1.0:
        kept = then.sigma_t * math.sqrt(1.0 - renew**2) / now.sigma_t
        x_u = x_u + kept * (x_t - now.alpha_t * denoised)
    return x_u + then.sigma_t * renew * noise(x_t) if renew > 0.0 else x_u
