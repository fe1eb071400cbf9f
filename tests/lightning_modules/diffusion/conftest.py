"""A data distribution whose score is known exactly."""

import pytest
import torch
from gaussian_mixture import Mixture
from torch import Tensor

from lightning_modules.diffusion import VPSDE


class GaussianData:
    """Independent values N(mean, std^2), and the denoiser that is exact for them."""

    def __init__(self, sde: VPSDE, mean: float, std: float) -> None:
        self.sde, self.mean, self.std = sde, mean, std

    def moments(self, t: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and variance of ``x_t``, each ``(B, 1, 1, 1)``."""
        alpha_t, sigma_t = self.sde.marginal(t)
        return alpha_t * self.mean, alpha_t.square() * self.std**2 + sigma_t.square()

    def score(self, x_t: Tensor, t: Tensor) -> Tensor:
        mean, variance = self.moments(t)
        return (mean - x_t) / variance

    def denoised(self, x_t: Tensor, t: Tensor, y: Tensor | None = None) -> Tensor:
        """E[x_0 | x_t] by conditioning the joint Gaussian of ``(x_0, x_t)``, not by way of the score."""
        mean, variance = self.moments(t)
        return self.mean + self.sde.marginal(t)[0] * self.std**2 / variance * (x_t - mean)


@pytest.fixture
def sde():
    return VPSDE()


@pytest.fixture
def gaussian(sde):
    return GaussianData(sde, mean=0.7, std=0.5)


@pytest.fixture
def mixture(sde):
    return Mixture(sde)


@pytest.fixture
def times():
    """Times from t_min to 1 in float64."""
    return torch.linspace(1e-3, 1.0, 7, dtype=torch.float64)


@pytest.fixture
def randn():
    """``randn(*shape)`` in float64 from a stream of the test's own."""
    generator = torch.Generator().manual_seed(0)
    return lambda *shape: torch.randn(*shape, generator=generator, dtype=torch.float64)
