"""The hinge loss of a critic, and where its gradient goes."""

import pytest
import torch
from torch.testing import assert_close

from lightning_modules.diffusion.distillation import Adversarial, Curriculum, Room


def constant(*values):
    return lambda x_t, t, y: [torch.full((len(x_t), 2, 3), value, dtype=x_t.dtype) for value in values]


def test_hinge_losses(data, teacher, student, y, randn):
    real, fake = randn(4, 1, 3, 2), randn(4, 1, 3, 2)
    method = Adversarial()
    for values, of_critic in (((2.0,), 3.0), ((0.0,), 2.0), ((-0.5, 0.5), (1.5 + 0.5 + 0.5 + 1.5) / 2)):
        room = Room(data.sde, teacher, constant(*values))
        assert method.critic_loss(room, real, y, fake, y).item() == pytest.approx(of_critic)
        given = Curriculum().lesson(student(data), data.sde, randn(4, 1, 1, 3, 2), y, place=(1, 0))
        assert_close(method(given, fake, room), torch.full((4,), -sum(values) / len(values), dtype=torch.float64))


def test_the_critic_compares_at_random_noise_levels(data, teacher, y, randn):
    seen = []

    def critic(x_t, t, y):
        seen.append((x_t, t))
        return [x_t[:, 0]]

    torch.manual_seed(0)
    x_0 = torch.zeros(2000, 1, 4, 4, dtype=torch.float64)
    Adversarial(mean=-0.6, std=1.2).judge(critic, data.sde, x_0, torch.zeros(2000, dtype=torch.long))
    x_t, t = seen[0]
    levels = -0.5 * data.sde.log_snr(t)
    assert levels.mean().item() == pytest.approx(-0.6, abs=0.1) and levels.std().item() == pytest.approx(1.2, abs=0.1)
    assert_close(x_t.flatten(1).std(dim=1).mean(), data.sde.marginal(t)[1].mean(), rtol=0.05, atol=0, check_dtype=False)


def test_a_students_gradient_leads_to_what_the_critic_likes(data, teacher, student, y, randn):
    """A critic that likes large values: the gradient raises every value, and the critic's own loss has none."""
    weight = torch.tensor(1.0, dtype=torch.float64, requires_grad=True)
    room = Room(data.sde, teacher, lambda x_t, t, y: [weight * x_t[:, 0]])
    given = Curriculum().lesson(student(data), data.sde, randn(4, 1, 1, 3, 2), y, place=(1, 0))
    drawn = randn(4, 1, 3, 2).requires_grad_()
    Adversarial()(given, drawn, room).sum().backward()
    assert (drawn.grad < 0).all()
    drawn.grad = None
    Adversarial().critic_loss(room, randn(4, 1, 3, 2), y, drawn, y).backward()
    assert drawn.grad is None and weight.grad is not None
