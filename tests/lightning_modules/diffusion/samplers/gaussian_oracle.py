"""What samplers do to Gaussian data under the exact denoiser, in float64 and without chance.

Every step is then affine in state and noise, so the mean of the output is the path without noise, and its variance the
sum of the squared weights of the start and of all draws.
"""

import math
from itertools import pairwise

import torch


class Impulses:
    """Noise that is 1 for the j-th sample in the j-th draw and 0 elsewhere: outputs show each draw's weight."""

    def __init__(self, batch_size):
        self.batch_size, self.draws = batch_size, 0

    def draw(self):
        self.draws += 1
        return torch.eye(self.batch_size, dtype=torch.float64)[self.draws - 1].reshape(-1, 1, 1, 1)


class Silence:
    """Noise of value zero; counts its draws."""

    draws = 0

    def draw(self):
        self.draws += 1
        return torch.zeros(1, 1, 1, 1, dtype=torch.float64)


def final_moments(sampler, gaussian, times):
    """Exact mean and variance of what ``sampler`` returns when it starts from the marginal at ``times[0]``."""
    mean, variance = gaussian.moments(times[:1])
    count = Silence()
    sampler(gaussian.denoised, gaussian.sde, mean, times, count)
    size = count.draws + 2
    start = mean.repeat(size, 1, 1, 1)
    start[-1] += variance[0].sqrt()  # the last sample is the impulse of the start itself
    noise = Impulses(size)
    out = sampler(gaussian.denoised, gaussian.sde, start, times, noise).samples
    assert noise.draws == count.draws
    centre = out[-2]  # met no impulse
    return centre.squeeze(), (out - centre).square().sum()


def moment_errors(sampler, gaussian, times):
    """Errors of mean and variance at ``times[-1]``."""
    exact = gaussian.moments(times[-1:])
    return [(a - b).abs().item() for a, b in zip(final_moments(sampler, gaussian, times), exact, strict=True)]


def flow_error(sampler, gaussian, times):
    """Largest error against the exact solution of the probability-flow ODE from values around the start's mean."""
    (mean, variance), (mean_end, variance_end) = gaussian.moments(times[:1]), gaussian.moments(times[-1:])
    start = torch.linspace(-2.0, 2.0, 5, dtype=torch.float64).reshape(1, 1, 1, 5)
    noise = Silence()
    out = sampler(gaussian.denoised, gaussian.sde, start, times, noise).samples
    assert noise.draws == 0
    return (out - mean_end - (variance_end / variance).sqrt() * (start - mean)).abs().max().item()


def orders(errors):
    """Measured orders of convergence of a series of errors, the number of steps doubling from one to the next."""
    return [math.log2(coarse / fine) for coarse, fine in pairwise(errors)]
