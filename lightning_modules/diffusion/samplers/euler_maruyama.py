"""Euler-Maruyama: the paper's sampler."""

from torch import Tensor

from lightning_modules.diffusion.samplers.base import DenoiserCall, Sampler, SamplerOutput
from lightning_modules.diffusion.samplers.noise import NoiseSource
from lightning_modules.diffusion.sde import VPSDE


class EulerMaruyama(Sampler):
    r"""First-order solver of the reverse SDE (Song et al. 2021, arXiv:2011.13456, Eq. 6).

    .. math:: x_{t-h} = x_t - h\,\bigl(f(x_t, t) - g(t)^2 \nabla \log p_t(x_t)\bigr) + g(t) \sqrt{h}\, z

    The last step adds no noise. One evaluation per step.
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
        x_t = x_init
        times = times.to(x_init)
        num_steps = len(times) - 1
        for i in range(num_steps):
            t, step = times[i].expand(len(x_t)), times[i] - times[i + 1]
            score = sde.score_from_denoised(denoiser(x_t, t, y), x_t, t)
            x_t = x_t - step * (sde.drift(x_t, t) - sde.beta(t) * score)
            if i + 1 < num_steps:
                x_t = x_t + sde.diffusion(t) * step.sqrt() * noise.draw().to(x_t)
        return SamplerOutput(x_t, num_steps)
