"""Few-step sampling: which state each evaluation gets, and what is returned."""

import pytest
import torch
from gaussian_oracle import Silence
from torch.testing import assert_close

from lightning_modules.diffusion.samplers import DDIM, FewStep, NoiseLevels, PerSampleNoise


def record(sampler, sde, times, noise, x_init):
    seen = []

    def denoiser(x_t, t, y):
        seen.append((x_t, t[0].item()))
        return 0.1 * len(seen) * torch.ones_like(x_t)

    return sampler(denoiser, sde, x_init, times, noise), seen


def test_the_result_is_the_last_estimate(sde):
    times = NoiseLevels()(4, sde)
    (samples, nfe), seen = record(FewStep(), sde, times, Silence(), torch.ones(1, 1, 1, 1, dtype=torch.float64))
    assert nfe == 4 and samples.item() == pytest.approx(0.4)
    assert [t for _, t in seen] == pytest.approx(times[:-1].tolist())


@pytest.mark.parametrize("renew", [0.0, 0.6, 1.0])
def test_states_between_evaluations(sde, renew):
    times, x_init = NoiseLevels()(2, sde), torch.ones(1, 1, 1, 1, dtype=torch.float64)

    class Twos:
        def draw(self):
            return torch.full((1, 1, 1, 1), 2.0)

    _, seen = record(FewStep(renew), sde, times, Twos(), x_init)
    (alpha_t, sigma_t), (alpha_u, sigma_u) = sde.marginal(times[:1]), sde.marginal(times[1:2])
    old = (x_init - alpha_t * 0.1) / sigma_t
    expected = alpha_u * 0.1 + sigma_u * ((1 - renew**2) ** 0.5 * old + renew * 2.0)
    assert_close(seen[1][0], expected)


def test_without_fresh_noise_it_steps_as_ddim_does(gaussian):
    """Only the last step differs: DDIM returns a state at the smallest time, this the estimate."""
    times, noise = NoiseLevels()(4, gaussian.sde), PerSampleNoise([3], (1, 4, 4), dtype=torch.float64)
    x_init, ours, theirs = noise.draw(), [], []
    for sampler, states in ((FewStep(0.0), ours), (DDIM(), theirs)):

        def denoiser(x_t, t, y, states=states):
            states.append(x_t)
            return gaussian.denoised(x_t, t)

        sampler(denoiser, gaussian.sde, x_init, times, noise)
    assert all(torch.allclose(a, b, rtol=1e-9) for a, b in zip(ours, theirs, strict=True))


def test_bad_share():
    with pytest.raises(ValueError, match="renew"):
        FewStep(1.1)
