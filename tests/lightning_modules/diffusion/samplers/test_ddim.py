"""DDIM on Gaussian data: first order as an ODE solver, and between ancestral steps and the flow in its noise."""

import pytest
import torch
from gaussian_oracle import Silence, flow_error, moment_errors, orders
from torch.testing import assert_close

from lightning_modules.diffusion.samplers import DDIM, UniformLogSNR, UniformTime


@pytest.mark.parametrize("grid", [UniformTime(), UniformLogSNR()])
def test_deterministic_form_is_of_first_order(gaussian, grid):
    errors = [flow_error(DDIM(), gaussian, grid(num_steps, gaussian.sde)) for num_steps in (40, 80, 160, 320)]
    assert all(0.9 < order < 1.05 for order in orders(errors))
    assert errors[-1] < 1e-2


@pytest.mark.parametrize("eta", [0.5, 1.0])
def test_mean_and_variance_of_the_stochastic_form(gaussian, eta):
    errors = [moment_errors(DDIM(eta), gaussian, UniformLogSNR()(steps, gaussian.sde)) for steps in (160, 320, 640)]
    assert max(mean for mean, _ in errors) < 1e-12, "a mean that no step estimates wrongly"
    assert all(0.9 < order < 1.1 for order in orders([variance for _, variance in errors]))
    assert errors[-1][1] < 5e-3


@pytest.mark.parametrize("eta", [0.0, 0.3, 1.0])
def test_a_step_is_the_papers_formula(gaussian, randn, eta):
    """Their Eq. 12 and 16, with their alpha the square of ours; the step of length zero is the last, without noise."""
    x_t, z = randn(1, 1, 2, 2), 2.0
    times = torch.tensor([0.5, 0.3, 0.3], dtype=torch.float64)
    squared = gaussian.sde.marginal(times)[0].flatten().square()
    before, after = squared[0], squared[1]
    deviation = eta * ((1 - after) / (1 - before)).sqrt() * (1 - before / after).sqrt()
    denoised = gaussian.denoised(x_t, times[:1])
    eps = (x_t - before.sqrt() * denoised) / (1 - before).sqrt()
    mean = after.sqrt() * denoised + (1 - after - deviation.square()).sqrt() * eps

    class Twos(Silence):
        def draw(self):
            return super().draw() + z

    noise = Twos()
    out = DDIM(eta)(gaussian.denoised, gaussian.sde, x_t, times, noise).samples
    assert_close(out, mean + deviation * z)
    assert noise.draws == (1 if eta else 0)
    assert_close(DDIM(eta)(gaussian.denoised, gaussian.sde, x_t, times[:2], noise).samples, mean)


@pytest.mark.parametrize("eta", [-0.1, 1.1, float("nan")])
def test_bad_eta(eta):
    with pytest.raises(ValueError, match="eta in"):
        DDIM(eta)
