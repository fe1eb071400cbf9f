"""Euler-Maruyama: the paper's sampler."""

from torch import Tensor

from lightning_modules.diffusion.samplers.base import ReverseProcess, StepSampler


class EulerMaruyama(StepSampler):
    r"""First-order solver of the reverse SDE (Song et al. 2021, arXiv:2011.13456, Eq. 6).

    .. math:: x_{t-h} = x_t - h\,\bigl(f(x_t, t) - g(t)^2 \nabla \log p_t(x_t)\bigr) + g(t) \sqrt{h}\, z

    The last step adds no noise. One evaluation per step.
    """

    def solve(self, process: ReverseProcess, x_t: Tensor) -> Tensor:
        sde = process.sde
        for now, then, last in process.steps():
            step = now.t[0] - then.t[0]
            score = sde.score_from_denoised(process.denoise(x_t, now), x_t, now.t)
            x_t = x_t - step * (sde.drift(x_t, now.t) - sde.beta(now.t) * score)
            if not last:
                x_t = x_t + sde.diffusion(now.t) * step.sqrt() * process.noise(x_t)
        return x_t
