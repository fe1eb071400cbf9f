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
