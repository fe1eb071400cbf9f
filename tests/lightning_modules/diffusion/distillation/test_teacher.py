"""The teacher's paths against the exact flow of Gaussian data."""

import pytest
import torch
from torch.testing import assert_close

from lightning_modules.diffusion.distillation.teacher import with_levels
from lightning_modules.diffusion.samplers import Karras, NoiseLevels, UniformLogSNR


def test_many_steps_follow_the_flow(data, teacher, y, randn):
    x_t, times = randn(4, 1, 3, 2), teacher.segment(torch.tensor([0.9]), torch.tensor([0.05]), 4000)
    assert_close(teacher.solve(x_t, y, times), data.flow(x_t, times[:1], times[-1:], y), rtol=0, atol=2e-3)


def test_segment_ends_where_asked_and_is_even_in_log_snr(data, teacher):
    times = teacher.segment(torch.full((4,), 0.8), torch.full((4,), 0.1), 5)
    assert (times[0].item(), times[-1].item()) == pytest.approx((0.8, 0.1), abs=1e-7)
    steps = data.sde.log_snr(times).diff()
    assert_close(steps, steps.mean().expand(5), rtol=1e-5, atol=0)


@pytest.mark.parametrize("grid", [Karras(), UniformLogSNR()])
def test_a_path_keeps_its_states_at_the_levels(data, teacher, y, randn, grid):
    """Each state is where the flow is at its level, up to the error of many steps; the last is at the end."""
    levels = NoiseLevels()(4, data.sde)[:-1]
    noise = randn(4, 1, 3, 2)
    states = teacher.trajectory(noise, y, levels, 3000, grid)
    assert states.shape == (4, 5, 1, 3, 2) and torch.equal(states[:, 0], noise)
    ends = torch.cat([levels[1:], torch.tensor([data.sde.t_min], dtype=torch.float64)])
    for i, end in enumerate(ends):
        assert_close(states[:, i + 1], data.flow(noise, levels[:1], end.reshape(1), y), rtol=0, atol=5e-3)


def test_the_steps_of_a_path(data):
    """The usual levels are steps of Karras's twelve; another level comes in addition."""
    grid = Karras()(12, data.sde)
    usual, other = NoiseLevels()(4, data.sde)[:-1], NoiseLevels([30.0, 2.0])(2, data.sde)[:-1]
    merged = with_levels(grid, usual, data.sde)
    assert len(merged) == 13 and set(usual.tolist()) <= set(merged.tolist())
    assert_close(data.sde.log_snr(merged), data.sde.log_snr(grid), rtol=0, atol=0.03)
    merged = with_levels(grid, other, data.sde)
    assert merged[0] == other[0] and other[1] in merged and merged[-1] == data.sde.t_min
    assert (merged.diff() < 0).all() and len(merged) == 2 + int((grid < other[0]).sum())
