"""Clamp clips the estimate and hands everything else through."""

import torch
from torch import nn

from lightning_modules.diffusion import Clamp, Denoiser, Epsilon, InputScaling


def test_clips_and_keeps_the_interface(sde, times, randn):
    x_t = randn(7, 1, 3, 2)

    class Network(nn.Module):
        def forward(self, x, c_noise):
            return -x

    class Classifier:
        def read(self, x, t, differentiable=False):
            return ("reading", differentiable)

    denoiser = Denoiser(Network(), InputScaling(sde, 0.5), Epsilon(), Classifier())
    clamp = Clamp(denoiser, 1.1)
    free = denoiser(x_t, times)
    assert free.abs().max() > 1.1
    assert torch.equal(clamp(x_t, times), free.clamp(-1.1, 1.1))
    assert torch.equal(clamp(x_t, times, torch.zeros(7)), free.clamp(-1.1, 1.1))
    assert clamp.read(x_t, times, differentiable=True) == ("reading", True)
    assert clamp.read(x_t, times) is None


def test_dynamic_threshold_scales_samples_that_are_too_large(sde, randn):
    """By hand: of magnitudes 1 to 5 the quantile 0.75 is 4; a sample within the limit stays as it is."""

    class Given:
        def denoise(self, x_t, t, reading=None, y=None):
            return x_t

        def read(self, x_t, t, differentiable=False):
            return None

    large = torch.tensor([1.0, -2.0, 3.0, -4.0, 5.0])
    x = torch.stack([large, large / 10]).reshape(2, 1, 5, 1)
    found = Clamp(Given(), 1.0, quantile=0.75)(x, torch.zeros(2))
    torch.testing.assert_close(found[0].flatten(), torch.tensor([0.25, -0.5, 0.75, -1.0, 1.0]))
    assert torch.equal(found[1], x[1])
    assert torch.equal(Clamp(Given(), 9.0, quantile=1.0)(x, torch.zeros(2)), x)
    wild = 50 * randn(4, 1, 3, 2)
    assert Clamp(Given(), 1.1, quantile=0.5)(wild, torch.zeros(4)).abs().max() <= 1.1 + 1e-6
    sizes = wild.abs().flatten(1).quantile(0.7, dim=1).clamp(min=1.1).reshape(-1, 1, 1, 1)
    expected = wild.clamp(-sizes, sizes) * 1.1 / sizes
    torch.testing.assert_close(Clamp(Given(), 1.1, quantile=0.7)(wild, torch.zeros(4)), expected)
