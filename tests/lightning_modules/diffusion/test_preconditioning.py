"""Input scaling and denoisers against Karras et al. 2022 (arXiv:2206.00364, Table 1)."""

from types import SimpleNamespace

import pytest
import torch
from torch import nn
from torch.testing import assert_close

from lightning_modules.diffusion import Denoiser, Epsilon, InputScaling, Preconditioned, TapDenoiser, Velocity

SIGMA_DATA = 0.5
ALL = [Preconditioned(), Epsilon(), Velocity()]


class Answer(nn.Module):
    """A network whose raw output is given; remembers what it was asked."""

    def __init__(self, output):
        super().__init__()
        self.output, self.asked = output, None

    def forward(self, *args):
        self.asked = args
        return self.output


@pytest.fixture
def scaling(sde):
    return InputScaling(sde, SIGMA_DATA)


def ideal_output(parameterization, sde, x_0, x_t, t, eps):
    """What each network would have to say to be right, from the papers rather than from the code."""
    alpha_t, sigma_t = sde.marginal(t)
    if isinstance(parameterization, Epsilon):
        return eps
    if isinstance(parameterization, Velocity):
        return alpha_t * eps - sigma_t * x_0
    noise = sigma_t / alpha_t  # EDM's sigma: x_t / alpha_t = x_0 + noise * eps
    c_skip = SIGMA_DATA**2 / (noise**2 + SIGMA_DATA**2)
    c_out = noise * SIGMA_DATA / (noise**2 + SIGMA_DATA**2).sqrt()
    return (x_0 - c_skip * x_t / alpha_t) / c_out


def test_input_scaling_is_edm(scaling, sde, times, randn):
    x_t = randn(7, 1, 3, 2)
    alpha_t, sigma_t = sde.marginal(times)
    noise = sigma_t / alpha_t
    x, c_noise = scaling(x_t, times)
    assert_close(x, x_t / alpha_t / (noise**2 + SIGMA_DATA**2).sqrt())
    assert_close(c_noise, noise.flatten().log() / 4.0)


def test_inputs_and_targets_have_unit_variance(scaling, sde, times, randn):
    x_0, eps = SIGMA_DATA * randn(7, 1, 200, 200), randn(7, 1, 200, 200)
    x_t = sde.perturb(x_0, times, eps)
    assert_close(scaling(x_t, times)[0].std(dim=(1, 2, 3)), torch.ones(7).double(), rtol=0.02, atol=0)
    target = ideal_output(Preconditioned(), sde, x_0, x_t, times, eps)
    assert_close(target.std(dim=(1, 2, 3)), torch.ones(7).double(), rtol=0.02, atol=0)


@pytest.mark.parametrize("parameterization", ALL, ids=lambda p: type(p).__name__)
def test_ideal_output_gives_x_0_and_weight_undoes_the_scale(parameterization, scaling, sde, times, randn):
    x_0, eps, error = randn(7, 1, 3, 2), randn(7, 1, 3, 2), randn(7, 1, 3, 2)
    x_t = sde.perturb(x_0, times, eps)
    ideal = ideal_output(parameterization, sde, x_0, x_t, times, eps)
    assert_close(Denoiser(Answer(ideal), scaling, parameterization)(x_t, times), x_0, rtol=1e-8, atol=1e-8)
    denoiser = Denoiser(Answer(ideal + error), scaling, parameterization)
    squared = (denoiser(x_t, times) - x_0).square()
    assert denoiser.loss_weight(times).shape == (7, 1, 1, 1)
    assert_close(denoiser.loss_weight(times) * squared, error.square(), rtol=1e-6, atol=1e-8)


def test_parameterizations_agree_on_gaussian_data(scaling, sde, gaussian, times, randn):
    """Raw outputs optimal for Gaussian data, each from its own definition, give one and the same denoiser."""
    x_t = randn(7, 1, 3, 2)
    exact = gaussian.denoised(x_t, times)
    eps = sde.eps_from_denoised(exact, x_t, times)
    for parameterization in ALL:
        raw = ideal_output(parameterization, sde, exact, x_t, times, eps)  # linear in (x_0, eps): means map to means
        assert_close(Denoiser(Answer(raw), scaling, parameterization)(x_t, times, None), exact, rtol=1e-8, atol=1e-8)


def test_network_reads_scaled_input(scaling, times, randn):
    x_t = randn(7, 1, 3, 2)
    network = Answer(torch.zeros_like(x_t))
    Denoiser(network, scaling, Preconditioned())(x_t, times)
    assert all(torch.equal(*pair) for pair in zip(network.asked, scaling(x_t, times), strict=True))


def test_low_precision_output_keeps_the_input_type(scaling, times, randn):
    x_t = randn(7, 1, 3, 2).float()
    denoiser = Denoiser(Answer(torch.zeros_like(x_t, dtype=torch.bfloat16)), scaling, Preconditioned())
    assert denoiser(x_t, times.float()).dtype == torch.float32


def test_tap_denoiser_reads_once(scaling, times, randn):
    x_t, calls = randn(7, 1, 3, 2), []
    reading = SimpleNamespace(gradients=dict)

    class Classifier:
        def read(self, x, t, differentiable=False):
            calls.append(differentiable)
            return reading

    network = Answer(torch.zeros_like(x_t))
    TapDenoiser(network, scaling, Preconditioned(), Classifier())(x_t, times)
    assert calls == [False] and network.asked[0] is reading
    assert_close(network.asked[1], scaling(x_t, times)[1])


def test_sigma_data_must_be_positive(sde):
    with pytest.raises(ValueError, match="sigma_data must be above 0"):
        InputScaling(sde, 0.0)
