"""Grids run from 1 to t_min in the number of steps asked for."""

import pytest
import torch
from torch.testing import assert_close

from lightning_modules.diffusion import VPSDE
from lightning_modules.diffusion.samplers import Karras, UniformLogSNR, UniformTime

GRIDS = [UniformTime(), UniformLogSNR(), Karras(), Karras(1.0), Karras(50.0)]
steps = pytest.mark.parametrize("num_steps", [1, 2, 100])


@steps
@pytest.mark.parametrize("grid", GRIDS, ids=lambda grid: f"{type(grid).__name__}{getattr(grid, 'rho', '')}")
@pytest.mark.parametrize("sde", [VPSDE(), VPSDE(t_min=0.02), VPSDE(1.0, 1.0, 1e-5), VPSDE(0.1, 60.0)])
def test_ends_are_exact_and_times_decrease(grid, num_steps, sde):
    times = grid(num_steps, sde)
    assert times.dtype == torch.float64 and times.shape == (num_steps + 1,)
    assert times[0] == 1.0 and times[-1] == sde.t_min
    assert (times.diff() < 0).all()


@steps
def test_uniform_time(num_steps):
    times = UniformTime()(num_steps, VPSDE(t_min=0.02))
    assert_close(times.diff(), torch.full((num_steps,), -0.98 / num_steps, dtype=torch.float64))


@steps
def test_uniform_log_snr(num_steps, sde):
    log_snr = sde.log_snr(UniformLogSNR()(num_steps, sde))
    assert_close(log_snr.diff(), ((log_snr[-1] - log_snr[0]) / num_steps).expand(num_steps))


@steps
@pytest.mark.parametrize("rho", [1.0, 7.0])
def test_karras(num_steps, rho, sde):
    alphas, sigmas = (amplitude.flatten() for amplitude in sde.marginal(Karras(rho)(num_steps, sde)))
    roots = (sigmas / alphas) ** (1 / rho)
    assert_close(roots.diff(), ((roots[-1] - roots[0]) / num_steps).expand(num_steps))


def test_karras_tends_to_uniform_log_snr(sde):
    limit = UniformLogSNR()(20, sde)
    gaps = [(Karras(rho)(20, sde) - limit).abs().max() for rho in (7.0, 70.0, 700.0)]
    assert gaps[0] > 0.05 and gaps[1] < 0.2 * gaps[0] and gaps[2] < 0.2 * gaps[1]


@pytest.mark.parametrize("rho", [0.0, -1.0, float("nan"), float("inf")])
def test_bad_rho(rho):
    with pytest.raises(ValueError, match="rho > 0"):
        Karras(rho)
