"""Heun solves the probability-flow ODE of Gaussian data at second order."""

import pytest
import torch
from gaussian_oracle import Silence, flow_error, orders
from torch.testing import assert_close

from lightning_modules.diffusion.samplers import DDIM, Heun, Karras, UniformLogSNR


@pytest.mark.parametrize("grid", [Karras(), UniformLogSNR()])
def test_second_order(gaussian, grid):
    errors = [flow_error(Heun(), gaussian, grid(num_steps, gaussian.sde)) for num_steps in (40, 80, 160, 320)]
    assert all(1.9 < order < 2.15 for order in orders(errors))
    assert errors[-1] < 2e-4


def test_two_steps_are_the_formula(gaussian, randn):
    """By the score form of the ODE's slope, not by way of the denoised estimate."""
    sde, x_t = gaussian.sde, randn(2, 1, 2, 2)
    times = torch.tensor([0.6, 0.4, 0.3], dtype=torch.float64)
    alphas, sigmas = (amplitude.flatten() for amplitude in sde.marginal(times))
    ratios = sigmas / alphas

    def slope(scaled, i):
        return -sigmas[i] * gaussian.score(alphas[i] * scaled, times[i : i + 1])

    scaled = x_t / alphas[0]
    predicted = scaled + (ratios[1] - ratios[0]) * slope(scaled, 0)
    scaled = scaled + (ratios[1] - ratios[0]) * (slope(scaled, 0) + slope(predicted, 1)) / 2
    scaled = scaled + (ratios[2] - ratios[1]) * slope(scaled, 1)
    assert_close(Heun()(gaussian.denoised, sde, x_t, times, Silence()).samples, alphas[2] * scaled)


def test_one_step_is_ddim(gaussian, randn):
    x_t, times = randn(2, 1, 2, 2), torch.tensor([1.0, 0.01], dtype=torch.float64)
    heun, ddim = (s(gaussian.denoised, gaussian.sde, x_t, times, Silence()).samples for s in (Heun(), DDIM()))
    assert_close(heun, ddim, rtol=0, atol=1e-12)
