"""Teachers whose paths are known exactly: Gaussian data, and a mixture that is told its class."""

import pytest
import torch

from lightning_modules.diffusion import VPSDE
from lightning_modules.diffusion.distillation import Teacher


class Gaussian:
    """Values N(mean_y, std^2), with a mean for each of three labels; exact denoiser and exact flow."""

    def __init__(self, sde):
        self.sde, self.std = sde, 0.5
        self.means = torch.tensor([-0.8, 0.1, 0.9], dtype=torch.float64)

    def moments(self, t, y):
        alpha_t, sigma_t = self.sde.marginal(t)
        return alpha_t * self.means[y].reshape(-1, 1, 1, 1), (alpha_t.square() * self.std**2 + sigma_t.square()).sqrt()

    def __call__(self, x_t, t, y):
        mean, deviation = self.moments(t, y)
        alpha_t, _ = self.sde.marginal(t)
        centre = self.means[y].reshape(-1, 1, 1, 1)
        return centre + alpha_t * self.std**2 / deviation.square() * (x_t - mean)

    def flow(self, x_t, t, u, y):
        """Where the probability-flow ODE carries ``x_t`` from t to u: affine, as everything is Gaussian."""
        (mean, deviation), (mean_u, deviation_u) = self.moments(t, y), self.moments(u, y)
        return mean_u + deviation_u / deviation * (x_t - mean)

    def loss_weight(self, t):
        return torch.ones_like(t).reshape(-1, 1, 1, 1)


class Student:
    """A denoiser given as a function."""

    def __init__(self, function):
        self.function, self.asked = function, []

    def __call__(self, x_t, t, y=None):
        self.asked.append(t[0].item())
        return self.function(x_t, t, y)

    def loss_weight(self, t):
        return torch.ones_like(t).reshape(-1, 1, 1, 1)


@pytest.fixture
def data():
    return Gaussian(VPSDE())


@pytest.fixture
def teacher(data):
    return Teacher(data, data.sde)


@pytest.fixture
def student():
    return Student


@pytest.fixture
def y():
    return torch.tensor([0, 2, 1, 2])


@pytest.fixture
def randn():
    random_stream = torch.Generator().manual_seed(0)
    return lambda *shape: torch.randn(*shape, generator=random_stream, dtype=torch.float64)
