"""The process against its own definition, in float64."""

import pytest
import torch
from torch.testing import assert_close

from lightning_modules.diffusion import VPSDE


def test_variance_is_preserved(sde, times):
    alpha_t, sigma_t = sde.marginal(times)
    assert alpha_t.shape == sigma_t.shape == (7, 1, 1, 1)
    assert_close(alpha_t.square() + sigma_t.square(), torch.ones_like(alpha_t), rtol=1e-14, atol=0)
    assert (alpha_t.diff(dim=0) < 0).all() and (sigma_t.diff(dim=0) > 0).all()


@pytest.mark.parametrize("sde", [VPSDE(), VPSDE(beta_min=1.0, beta_max=7.0)])
def test_alpha_is_the_integral_of_beta(sde, times):
    for t in times:
        fine = torch.linspace(0.0, t.item(), 1001, dtype=torch.float64)
        integral = torch.trapezoid(sde.beta(fine).flatten(), fine)  # exact: beta is linear
        assert_close(integral, -2.0 * sde.marginal(t.reshape(1))[0].log().squeeze(), rtol=1e-10, atol=1e-14)


def test_ends():
    sde = VPSDE()
    rate = sde.beta(torch.tensor([0.0, 1.0])).flatten()
    assert_close(rate, torch.tensor([0.1, 20.0]))
    alpha_t, sigma_t = sde.marginal(torch.tensor([0.0, 1.0]))
    assert alpha_t[0] == 1 and sigma_t[0] == 0
    assert_close(alpha_t[1].item(), torch.tensor(-(0.1 + 20.0) / 4).exp().item())  # -1/2 of the integral of beta


def test_float32_is_exact_near_zero(sde):
    t = torch.logspace(-7, 0, 50)
    for single, double in zip(sde.marginal(t), sde.marginal(t.double()), strict=True):
        assert_close(single.double(), double, rtol=2e-6, atol=0)
    assert_close(sde.log_snr(t).double(), sde.log_snr(t.double()), rtol=2e-6, atol=2e-6)


def test_log_snr(sde, times):
    alpha_t, sigma_t = sde.marginal(times)
    assert sde.log_snr(times).shape == (7,)
    assert_close(sde.log_snr(times), 2.0 * (alpha_t / sigma_t).log().flatten(), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("sde", [VPSDE(), VPSDE(beta_min=2.0, beta_max=2.0)])
def test_time_of_log_snr(sde, times):
    assert_close(sde.time_of_log_snr(sde.log_snr(times)), times, rtol=1e-10, atol=0)
    t = torch.logspace(-6, 0, 50)  # float32
    assert_close(sde.time_of_log_snr(sde.log_snr(t)), t, rtol=2e-5, atol=0)


def test_forward_process_has_the_marginals(sde, times):
    """The moment equations of the SDE: d alpha/dt = -beta/2 alpha, d sigma^2/dt = beta (1 - sigma^2)."""
    t = times.clone().requires_grad_()
    alpha_t, sigma_t = sde.marginal(t)
    one = torch.ones(7, 1, 1, 1, dtype=torch.float64)
    slope_alpha = torch.autograd.grad(alpha_t.sum(), t, retain_graph=True)[0]
    slope_variance = torch.autograd.grad(sigma_t.square().sum(), t)[0]
    assert_close(slope_alpha, sde.drift(alpha_t, t).flatten().detach())
    inflow = sde.diffusion(times).square() + 2.0 * sde.drift(one, times) * sigma_t.detach().square()
    assert_close(slope_variance, inflow.flatten())


def test_conversions_agree(sde, gaussian, times, randn):
    x_0, eps = randn(7, 1, 3, 2), randn(7, 1, 3, 2)
    x_t = sde.perturb(x_0, times, eps)
    assert_close(sde.eps_from_denoised(x_0, x_t, times), eps, rtol=1e-9, atol=1e-9)
    score = sde.score_from_denoised(x_0, x_t, times)
    assert_close(score, -eps / sde.marginal(times)[1], rtol=1e-7, atol=1e-7)  # denoising score of one example
    assert_close(sde.denoised_from_score(score, x_t, times), x_0, rtol=1e-9, atol=1e-9)
    assert_close(sde.score_from_denoised(gaussian.denoised(x_t, times), x_t, times), gaussian.score(x_t, times))


@pytest.mark.parametrize(
    "settings", [{"beta_min": 0.0}, {"beta_min": 2.0, "beta_max": 1.0}, {"t_min": 0.0}, {"t_min": 1.0}]
)
def test_bad_settings(settings):
    with pytest.raises(ValueError, match="expected|must be"):
        VPSDE(**settings)


@pytest.mark.parametrize("shape", [(), (2, 1)])
def test_times_must_be_one_per_example(sde, shape):
    with pytest.raises(ValueError, match=r"expected times of shape \(B,\)"):
        sde.marginal(torch.full(shape, 0.5))
