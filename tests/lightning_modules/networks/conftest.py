"""A small classifier of ours and one of somebody else's, in float64."""

import pytest
import torch
from torch import nn

from lightning_modules.diffusion import VPSDE, InputScaling
from lightning_modules.networks import Classifier


class ThirdParty(nn.Module):
    """A classifier that knows nothing of this package: other names, a 5x4 map from a 10x8 input, noise level added."""

    def __init__(self):
        super().__init__()
        self.front = nn.Conv2d(1, 4, 3, stride=2, padding=1)
        self.level = nn.Linear(1, 4)
        self.trunk = nn.Sequential(nn.Conv2d(4, 6, 3, padding=1), nn.Tanh(), nn.Conv2d(6, 5, 3, stride=2, padding=1))
        self.out = nn.Linear(5, 3)

    def forward(self, x, c_noise):
        h = self.front(x).tanh() + self.level(c_noise.unsqueeze(1)).unsqueeze(-1).unsqueeze(-1)
        return self.out(self.trunk(h).tanh().mean(dim=(2, 3)))


@pytest.fixture
def third_party():
    torch.manual_seed(1)
    return ThirdParty().double().eval()


@pytest.fixture
def classifier():
    """Grids 8x4 and 4x2, three classes."""
    torch.manual_seed(0)
    network = Classifier((8, 4), 3, 4, (1, 2), 2, 1, 8, dropout=0.1)
    return network.double().eval()


@pytest.fixture
def scaling():
    return InputScaling(VPSDE(), 0.5)


@pytest.fixture
def batch():
    """``batch(F, L)`` gives noisy inputs of two examples and their times."""

    def make(bands, frames):
        random_stream = torch.Generator().manual_seed(0)
        x_t = torch.randn(2, 1, bands, frames, generator=random_stream, dtype=torch.float64)
        return x_t, torch.tensor([0.1, 0.6], dtype=torch.float64)

    return make


@pytest.fixture
def passes(monkeypatch):
    """Counts forward passes of the modules given to it, and all calls of autograd.grad."""

    class Passes:
        def __init__(self):
            self.forwards = self.backwards = 0

        def watch(self, module):
            module.register_forward_hook(self._forward)
            return self

        def _forward(self, *args):
            self.forwards += 1

        def take(self):
            counts = self.forwards, self.backwards
            self.forwards = self.backwards = 0
            return counts

    counter, grad = Passes(), torch.autograd.grad

    def counted(*args, **kwargs):
        counter.backwards += 1
        return grad(*args, **kwargs)

    monkeypatch.setattr(torch.autograd, "grad", counted)
    return counter
