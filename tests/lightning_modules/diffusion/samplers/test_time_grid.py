"""Grids run from 1 to t_min in the number of steps asked for."""

import pytest
import torch
from torch.testing import assert_close

from lightning_modules.diffusion import VPSDE
from lightning_modules.diffusion.samplers import Karras, NoiseLevels, UniformLogSNR, UniformTime

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


def test_noise_levels(sde):
    times = NoiseLevels([30.0, 2.0, 0.5])(3, sde)
    assert times.dtype == torch.float64 and times[-1] == sde.t_min
    alphas, sigmas = (amplitude.flatten() for amplitude in sde.marginal(times[:-1]))
    assert_close(sigmas / alphas, torch.tensor([30.0, 2.0, 0.5], dtype=torch.float64))


@pytest.mark.parametrize(("num_steps", "taken"), [(1, [0]), (2, [0, 2]), (3, [0, 1, 2]), (4, [0, 1, 2, 3])])
def test_fewer_steps_than_noise_levels(sde, num_steps, taken):
    grid = NoiseLevels()
    assert torch.equal(grid(num_steps, sde)[:-1], grid(4, sde)[taken])


def test_a_level_noisier_than_the_process_is_its_start(sde):
    assert NoiseLevels([1e4])(1, sde).tolist() == [1.0, sde.t_min]


def test_the_usual_levels_are_steps_of_karras(sde):
    """So that the paths of a teacher in twelve steps need no step more."""
    assert_close(sde.log_snr(NoiseLevels()(4, sde)[1:4]), sde.log_snr(Karras()(12, sde)[7:10]), rtol=0, atol=2e-3)


@pytest.mark.parametrize("levels", [[], [1.0, 2.0], [1.0, 1.0], [1.0, 0.0], [float("nan")]])
def test_bad_noise_levels(levels):
    with pytest.raises(ValueError, match="decreasing noise levels"):
        NoiseLevels(levels)


@pytest.mark.parametrize("num_steps", [0, 5])
def test_more_steps_than_noise_levels(sde, num_steps):
    with pytest.raises(ValueError, match="from 1 to 4"):
        NoiseLevels()(num_steps, sde)
