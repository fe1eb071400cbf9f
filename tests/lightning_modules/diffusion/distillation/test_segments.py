"""A student that makes the teacher's sub-steps in one has no loss, and steps that join up to the flow."""

from itertools import pairwise

import pytest
import torch
from torch.testing import assert_close

from lightning_modules.diffusion.distillation import Curriculum, Room, SegmentDistillation
from lightning_modules.diffusion.samplers import FewStep, NoiseLevels, PerSampleNoise

CURRICULUM = Curriculum([30.0, 3.0, 0.5], evaluations=[3], renew=0.0)


def jumping(data, times):
    """The estimate with which one DDIM step from each of ``times`` lands where the exact flow does."""
    then = {round(a.item(), 6): b for a, b in pairwise(times)}

    def denoise(x_t, t, y):
        u = then[round(t[0].item(), 6)].reshape(1)
        (alpha_t, sigma_t), (alpha_u, sigma_u) = data.sde.marginal(t[:1].double()), data.sde.marginal(u)
        keep = sigma_u / sigma_t
        return (data.flow(x_t, t[:1].double(), u, y) - keep * x_t) / (alpha_u - alpha_t * keep)

    return denoise


@pytest.mark.parametrize("k", [0, 1, 2])
def test_a_perfect_student_has_no_loss(data, teacher, student, y, randn, k):
    times = CURRICULUM.grid(3, data.sde)
    knows = student(jumping(data, times))
    given = CURRICULUM.lesson(knows, data.sde, randn(4, 1, 1, 3, 2), y, place=(3, k))
    losses, denoised = [], knows(given.x_t, given.now.t, given.y)
    for sub_steps in (50, 100, 200):
        method = SegmentDistillation(sub_steps=sub_steps, clip=9.0)
        losses.append(method(given, denoised, Room(data.sde, teacher)).mean())
    assert losses[2] < 1e-3 and losses[0] / losses[1] == pytest.approx(4.0, rel=0.3), "a solver of first order"
    assert (method(given, denoised + 0.5, Room(data.sde, teacher)) > 0.2).all()


def test_one_sub_step_is_the_teachers_own_estimate(data, teacher, student, y, randn):
    given = CURRICULUM.lesson(student(data), data.sde, randn(4, 1, 1, 3, 2), y, place=(3, 0))
    target = SegmentDistillation(sub_steps=1, clip=9.0).target(given, Room(data.sde, teacher))
    assert_close(target, data(given.x_t, given.now.t, y))


def test_the_target_is_clipped_and_the_weight_bounded(data, teacher, student, y, randn):
    given = CURRICULUM.lesson(student(data), data.sde, randn(4, 1, 1, 3, 2), y, place=(3, 0))
    room = Room(data.sde, teacher)
    assert SegmentDistillation(clip=0.3).target(given, room).abs().max() == 0.3
    heavy = given._replace(loss_weight=torch.full((4, 1, 1, 1), 1e6, dtype=torch.float64))
    method, zero = SegmentDistillation(largest_weight=50.0), torch.zeros_like(given.x_t)
    assert_close(method(heavy, zero, room), 50.0 * method.target(given, room).square().flatten(1).mean(dim=1))


def test_samples_of_a_perfect_student(data, student):
    """Without fresh noise three jumps are the flow, whose end has the moments of the data."""
    noise = PerSampleNoise([7, 8, 9], (1, 150, 200), dtype=torch.float64)
    y, times = torch.tensor([0, 1, 2]), NoiseLevels([152.0, 3.0, 0.5])(3, data.sde)
    flat = FewStep(0.0)(student(jumping(data, times)), data.sde, noise.draw(), times, noise, y).samples.flatten(1)
    assert_close(flat.mean(dim=1), data.means, rtol=0, atol=0.015)
    assert_close(flat.std(dim=1), torch.full((3,), data.std, dtype=torch.float64), rtol=0, atol=0.02)


@pytest.mark.parametrize("settings", [{"sub_steps": 0}, {"clip": 0.0}, {"largest_weight": -1.0}])
def test_bad_settings(settings):
    with pytest.raises(ValueError, match="at least 1"):
        SegmentDistillation(**settings)
