"""Amplitudes are exact whatever the state's type."""

import pytest
import torch
from torch.testing import assert_close

from lightning_modules.diffusion.samplers import UniformTime
from lightning_modules.diffusion.samplers.grid_points import grid_points


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_amplitudes_in_double_precision(sde, dtype):
    times = UniformTime()(7, sde)
    points = grid_points(sde, times, torch.zeros(3, 1, 2, 2, dtype=dtype))
    exact = torch.tensor([point[1:] for point in points], dtype=torch.float64)
    alphas, sigmas = (amplitude.flatten() for amplitude in sde.marginal(times))
    assert_close(exact, torch.stack([alphas, sigmas, (alphas / sigmas).log()], dim=1), rtol=1e-12, atol=1e-12)
    for point, t in zip(points, times, strict=True):
        assert torch.equal(point.t, t.to(dtype).expand(3)) and point.t.dtype == dtype
