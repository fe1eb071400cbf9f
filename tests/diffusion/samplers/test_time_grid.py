"""Grids run from 1 to t_min in the number of steps asked for."""

import pytest
import torch
from torch.testing import assert_close

from lightning_modules.diffusion import VPSDE
from lightning_modules.diffusion.samplers import UniformTime


@pytest.mark.parametrize("num_steps", [1, 2, 100])
def test_uniform(num_steps):
    times = UniformTime()(num_steps, VPSDE(t_min=0.02))
    assert times.dtype == torch.float64 and times.shape == (num_steps + 1,)
    assert times[0] == 1.0 and times[-1] == 0.02
    assert_close(times.diff(), torch.full((num_steps,), -0.98 / num_steps, dtype=torch.float64))
