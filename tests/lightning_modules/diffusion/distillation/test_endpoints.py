"""A student that knows where paths end has no loss, and its samples have the moments of the data."""

import pytest
import torch
from torch.testing import assert_close

from lightning_modules.diffusion.distillation import Curriculum, EndpointRegression, Room
from lightning_modules.diffusion.samplers import FewStep, Karras, NoiseLevels, PerSampleNoise

STEPS = 2000


def perfect(data):
    """The exact flow to the end, as a denoiser."""
    end = torch.tensor([data.sde.t_min], dtype=torch.float64)
    return lambda x_t, t, y: data.flow(x_t, t.double(), end, y)


def lesson(curriculum, student, data, teacher, y, randn, place):
    states = teacher.trajectory(randn(4, 1, 3, 2), y, curriculum.times(data.sde), STEPS, Karras())
    return curriculum.lesson(student, data.sde, states, y, place=place)


@pytest.mark.parametrize("place", [(1, 0), (2, 1), (4, 3)])
def test_a_perfect_student_has_no_loss(data, teacher, student, y, randn, place):
    """On the teacher's own states; the error of its many steps is all that is left."""
    knows = student(perfect(data))
    curriculum = Curriculum(evaluations=[1, 2, 4], own_share=0.0)
    given = lesson(curriculum, knows, data, teacher, y, randn, place)
    denoised, method, room = knows(given.x_t, given.now.t, given.y), EndpointRegression(), Room(data.sde, teacher)
    assert method(given, denoised, room).shape == (4,)
    assert (method(given, denoised, room) < 1e-4).all()
    assert (method(given, denoised + 0.3, room) > 0.2).all(), "h(0.3) = 0.25 for beta 0.1"


def test_the_loss_is_smooth_l1_times_trust(data, teacher, student, y, randn):
    curriculum = Curriculum()
    given = lesson(curriculum, student(perfect(data)), data, teacher, y, randn, (1, 0))
    given = given._replace(trust=torch.tensor([1.0, 0.5, 0.0, 1.0], dtype=torch.float64))
    off = given.endpoint + torch.tensor([0.05, 0.5, 0.5, -0.5], dtype=torch.float64).reshape(4, 1, 1, 1)
    expected = torch.tensor([0.0125, 0.225, 0.0, 0.45], dtype=torch.float64)
    assert_close(EndpointRegression(beta=0.1)(given, off, Room(data.sde, teacher)), expected)


@pytest.mark.parametrize("num_steps", [1, 2, 4])
def test_samples_of_a_perfect_student_have_the_moments_of_the_data(data, student, num_steps):
    """Also where it starts its later evaluations from its own output noised anew."""
    noise = PerSampleNoise([7, 8, 9], (1, 150, 200), dtype=torch.float64)
    y = torch.tensor([0, 1, 2])
    times = NoiseLevels()(num_steps, data.sde)
    drawn, nfe = FewStep(1.0)(student(perfect(data)), data.sde, noise.draw(), times, noise, y)
    assert nfe == num_steps
    flat = drawn.flatten(1)
    assert_close(flat.mean(dim=1), data.means, rtol=0, atol=0.015)
    assert_close(flat.std(dim=1), torch.full((3,), data.std, dtype=torch.float64), rtol=0, atol=0.01)


def test_bad_beta():
    with pytest.raises(ValueError, match="beta must be above 0"):
        EndpointRegression(beta=0.0)
