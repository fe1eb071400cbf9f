"""Euler-Maruyama on Gaussian data with the exact score: mean, variance and order of convergence, in float64."""

from itertools import pairwise

import pytest
import torch
from gaussian_oracle import Silence, moment_errors
from torch.testing import assert_close

from lightning_modules.diffusion import VPSDE
from lightning_modules.diffusion.samplers import EulerMaruyama, PerSampleNoise, UniformTime


def errors(gaussian, num_steps):
    """Errors of mean and variance at t_min."""
    return moment_errors(EulerMaruyama(), gaussian, UniformTime()(num_steps, gaussian.sde))


@pytest.mark.parametrize("sde", [VPSDE(1.0, 5.0)])  # mild enough for 100 steps to show the order
def test_mean_and_variance_converge_at_first_order(gaussian):
    series = [errors(gaussian, num_steps) for num_steps in (100, 200, 400)]
    for coarse, fine in pairwise(series):
        for ratio in (coarse[0] / fine[0], coarse[1] / fine[1]):
            assert 1.9 < ratio < 2.1


def test_default_process_is_close(gaussian):
    assert max(errors(gaussian, 400)) < 2e-3


def test_one_step_is_the_formula(gaussian, randn):
    sde, x_t = gaussian.sde, randn(1, 1, 2, 2)
    times = torch.tensor([0.5, 0.3], dtype=torch.float64)
    t, z = times[:1], torch.full((1, 1, 2, 2), 2.0, dtype=torch.float64)

    class Twos:
        def draw(self):
            return z

    drift = -0.5 * sde.beta(t) * x_t - sde.beta(t) * gaussian.score(x_t, t)
    out, nfe = EulerMaruyama()(gaussian.denoised, sde, x_t, times, Twos())
    assert nfe == 1
    assert_close(out, x_t - 0.2 * drift)  # the last step adds no noise
    out, nfe = EulerMaruyama()(gaussian.denoised, sde, x_t, torch.tensor([0.5, 0.3, 0.3]).double(), Twos())
    assert nfe == 2
    assert_close(out, x_t - 0.2 * drift + (0.2 * sde.beta(t)).sqrt() * z)  # a step of length zero changes nothing


@pytest.mark.parametrize("num_steps", [1, 2, 7])
def test_any_number_of_steps_and_any_grid(gaussian, randn, num_steps):
    """The denoiser is asked at the grid's own times, in order, and with the labels given."""
    asked = []

    def denoiser(x_t, t, y):
        asked.append((t, y))
        return gaussian.denoised(x_t, t)

    times = torch.linspace(1.0, 0.05, num_steps + 1, dtype=torch.float64) ** 2
    y = torch.tensor([3, 1])
    samples, nfe = EulerMaruyama()(denoiser, gaussian.sde, randn(2, 1, 3, 2), times, Silence(), y)
    assert samples.shape == (2, 1, 3, 2) and samples.isfinite().all()
    assert nfe == len(asked) == num_steps
    assert_close(torch.stack([t for t, _ in asked]), times[:-1, None].expand(-1, 2))
    assert all(given is y for _, given in asked)


def test_same_noise_gives_the_same_sample(gaussian):
    def draw(seeds):
        noise = PerSampleNoise(seeds, (1, 3, 2))
        times = UniformTime()(20, gaussian.sde)
        return EulerMaruyama()(gaussian.denoised, gaussian.sde, noise.draw(), times, noise).samples

    assert draw([0, 1]).dtype == torch.float32
    assert torch.equal(draw([0, 1]), draw([0, 1]))
    assert not torch.equal(draw([0, 1])[0], draw([0, 1])[1])
    assert torch.equal(draw([5, 0, 1])[1:], draw([0, 1]))
