"""DPM-Solver++(2M) on Gaussian data: second order in both forms, and in few steps ahead of first order."""

import pytest
import torch
from gaussian_oracle import Silence, flow_error, moment_errors, orders
from torch.testing import assert_close

from lightning_modules.diffusion.samplers import DDIM, DPMSolverPP, Karras, PerSampleNoise, UniformLogSNR, UniformTime


@pytest.mark.parametrize("grid", [Karras(), UniformLogSNR()])
def test_ode_form_is_of_second_order(gaussian, grid):
    solver = DPMSolverPP(stochastic=False)
    errors = [flow_error(solver, gaussian, grid(num_steps, gaussian.sde)) for num_steps in (40, 80, 160, 320)]
    assert all(1.9 < order < 2.1 for order in orders(errors))
    assert errors[-1] < 2e-4


@pytest.mark.parametrize("grid", [Karras(), UniformLogSNR()])
def test_variance_of_the_sde_form_converges_at_second_order(gaussian, grid):
    errors = [moment_errors(DPMSolverPP(), gaussian, grid(num_steps, gaussian.sde)) for num_steps in (40, 80, 160)]
    assert max(mean for mean, _ in errors) < 1e-12
    assert all(1.85 < order < 2.15 for order in orders([variance for _, variance in errors]))
    assert errors[-1][1] < 1e-3


@pytest.mark.parametrize("stochastic, eta", [(False, 0.0), (True, 1.0)])
@pytest.mark.parametrize("grid", [UniformTime(), UniformLogSNR(), Karras()])
@pytest.mark.parametrize("num_steps", [10, 15, 20])
def test_few_steps_beat_first_order(gaussian, grid, stochastic, eta, num_steps):
    times = grid(num_steps, gaussian.sde)
    second, first = (moment_errors(solver, gaussian, times)[1] for solver in (DPMSolverPP(stochastic), DDIM(eta)))
    assert second < 0.8 * first


@pytest.mark.parametrize("eta", [0.0, 1.0])
def test_three_steps_are_the_formula(gaussian, randn, eta):
    """The middle step extrapolates with steps of unequal length; first and last do not."""
    sde, x_t, z = gaussian.sde, randn(1, 1, 2, 2), 2.0
    times = torch.tensor([0.9, 0.5, 0.4, 0.1], dtype=torch.float64)
    alphas, sigmas = (amplitude.flatten() for amplitude in sde.marginal(times))
    h = (alphas / sigmas).log().diff()

    class Twos(Silence):
        def draw(self):
            return super().draw() + z

    expected, estimates = x_t, []
    for i in range(3):
        estimates.append(gaussian.denoised(expected, times[i : i + 1]))
        estimate = estimates[i]
        if i == 1:
            estimate = estimate + (estimates[1] - estimates[0]) * h[1] / (2 * h[0])
        kept = sigmas[i + 1] / sigmas[i] * torch.exp(-eta * h[i])
        expected = kept * expected + alphas[i + 1] * (1 - torch.exp(-(1 + eta) * h[i])) * estimate
        if i < 2:
            expected = expected + sigmas[i + 1] * (1 - torch.exp(-2 * eta * h[i])).sqrt() * z
    noise = Twos()
    out = DPMSolverPP(stochastic=bool(eta))(gaussian.denoised, sde, x_t, times, noise).samples
    assert_close(out, expected)
    assert noise.draws == 2 * eta


@pytest.mark.parametrize("stochastic, eta", [(False, 0.0), (True, 1.0)])
def test_without_correction_it_is_ddim(gaussian, randn, stochastic, eta):
    x_t, times, seeds = randn(2, 1, 2, 2), Karras()(6, gaussian.sde), [3, 4]
    full, none, ddim = (
        solver(gaussian.denoised, gaussian.sde, x_t, times, PerSampleNoise(seeds, (1, 2, 2), x_t.device)).samples
        for solver in (DPMSolverPP(stochastic), DPMSolverPP(stochastic, correction=0.0), DDIM(eta))
    )
    assert_close(none, ddim)
    assert not torch.allclose(full, ddim)


def test_correction_is_a_share():
    with pytest.raises(ValueError, match=r"correction must be in \[0, 1\], got 1.5"):
        DPMSolverPP(correction=1.5)
