"""Training times have the distribution they are named after."""

import pytest
import torch
from torch.testing import assert_close

from lightning_modules.diffusion import VPSDE, LogNormalTimes, UniformTimes

QUARTILES = torch.tensor([0.25, 0.5, 0.75])


@pytest.fixture(autouse=True)
def seed():
    torch.manual_seed(0)


@pytest.mark.parametrize("times", [UniformTimes(), LogNormalTimes(), LogNormalTimes(0.0, 20.0)])
@pytest.mark.parametrize("sde", [VPSDE(), VPSDE(t_min=0.02)])
def test_range_and_independence(times, sde):
    t = times(5000, sde)
    assert t.shape == (5000,) and t.dtype == torch.float32
    assert t.min() >= sde.t_min and t.max() <= 1
    assert torch.corrcoef(torch.stack([t[1:], t[:-1]]))[0, 1].abs() < 0.05
    assert not torch.equal(t, times(5000, sde))
    torch.manual_seed(0)
    assert torch.equal(t, times(5000, sde))


def test_uniform():
    t = UniformTimes()(20000, VPSDE(t_min=0.2))
    assert_close(t.quantile(QUARTILES), 0.2 + 0.8 * QUARTILES, rtol=0, atol=0.015)


def test_log_normal():
    sde = VPSDE()
    alpha_t, sigma_t = sde.marginal(LogNormalTimes(-0.4, 0.8)(20000, sde).double())
    quartiles = (sigma_t / alpha_t).log().flatten().quantile(QUARTILES.double())
    expected = -0.4 + 0.8 * torch.tensor([-0.6745, 0.0, 0.6745], dtype=torch.float64)  # quartiles of N(0, 1)
    assert_close(quartiles, expected, rtol=0, atol=0.03)


@pytest.mark.parametrize("settings", [{"std": 0.0}, {"std": float("nan")}, {"mean": float("inf")}])
def test_bad_settings(settings):
    with pytest.raises(ValueError, match="(mean|std) must be"):
        LogNormalTimes(**settings)
