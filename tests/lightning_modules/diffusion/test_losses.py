"""Denoising score matching: per example, equal to the score's error, and minimal at the exact denoiser."""

import pytest
import torch
from torch import nn
from torch.testing import assert_close

from lightning_modules.diffusion import Denoiser, Epsilon, InputScaling, Preconditioned, Velocity, dsm_loss


class Affine(nn.Module):
    """Denoiser a(t) x_t + b(t) with one pair of parameters per time."""

    def __init__(self, slope, offset):
        super().__init__()
        self.slope, self.offset = nn.Parameter(slope), nn.Parameter(offset)

    def forward(self, x_t, t, y=None):
        return self.slope * x_t + self.offset

    def loss_weight(self, t):
        return torch.ones(len(t), 1, 1, 1, dtype=t.dtype)


@pytest.fixture
def denoiser(sde):
    torch.manual_seed(0)

    class Convolution(nn.Conv2d):
        def forward(self, x, c_noise):
            return super().forward(x) + c_noise.reshape(-1, 1, 1, 1)

    return Denoiser(Convolution(1, 1, 3, padding=1).double(), InputScaling(sde, 0.5), Preconditioned())


def test_examples_are_independent(denoiser, sde, times, randn):
    x_0, eps = randn(7, 1, 4, 4), randn(7, 1, 4, 4)
    losses = dsm_loss(denoiser, sde, x_0, times, eps)
    assert losses.shape == (7,)
    assert_close(dsm_loss(denoiser, sde, x_0[2:3], times[2:3], eps[2:3]), losses[2:3])
    x_0[3:], eps[3:] = 1e3, -1e3
    assert_close(dsm_loss(denoiser, sde, x_0, times, eps)[:3], losses[:3])


@pytest.mark.parametrize("parameterization", [Preconditioned(), Epsilon(), Velocity()], ids=lambda p: type(p).__name__)
def test_equals_weighted_error_of_the_score(denoiser, sde, times, randn, parameterization):
    denoiser.parameterization = parameterization
    x_0, eps = randn(7, 1, 4, 4), randn(7, 1, 4, 4)
    x_t = sde.perturb(x_0, times, eps)
    alpha_t, sigma_t = (values.flatten() for values in sde.marginal(times))
    score = sde.score_from_denoised(denoiser(x_t, times), x_t, times)
    error = (score + eps / sigma_t.reshape(-1, 1, 1, 1)).square().mean(dim=(1, 2, 3))
    expected = denoiser.loss_weight(times).flatten() * sigma_t**4 / alpha_t**2 * error
    assert_close(dsm_loss(denoiser, sde, x_0, times, eps), expected, rtol=1e-6, atol=0)


def test_exact_denoiser_is_the_minimum(sde, gaussian, times):
    """Gauss-Hermite nodes make the expectation over ``(x_0, eps)`` exact: the gradient vanishes, not only nearly."""
    nodes = torch.tensor([-(3.0**0.5), 0.0, 3.0**0.5], dtype=torch.float64)  # three-point rule of N(0, 1)
    weights = torch.tensor([1 / 6, 2 / 3, 1 / 6], dtype=torch.float64)
    x_0 = (gaussian.mean + gaussian.std * nodes).reshape(1, 1, 3, 1).expand(7, 1, 3, 3)
    eps = nodes.reshape(1, 1, 1, 3).expand(7, 1, 3, 3)

    class Weighted(Affine):
        def loss_weight(self, t):
            return 9.0 * torch.outer(weights, weights).expand(len(t), 1, 3, 3)  # dsm_loss divides by the 9 nodes

    zero = torch.zeros(7, 1, 1, 1, dtype=torch.float64)
    offset = gaussian.denoised(zero, times)
    slope = gaussian.denoised(zero + 1.0, times) - offset
    exact = Weighted(slope, offset)
    loss = dsm_loss(exact, sde, x_0, times, eps)
    posterior_variance = gaussian.std**2 * sde.marginal(times)[1].square() / gaussian.moments(times)[1]
    assert_close(loss, posterior_variance.flatten())
    loss.sum().backward()
    assert exact.slope.grad.abs().max() < 1e-12 and exact.offset.grad.abs().max() < 1e-12
    for moved in (Weighted(slope + 1e-3, offset), Weighted(slope, offset - 1e-3)):
        assert (dsm_loss(moved, sde, x_0, times, eps) > loss).all()
