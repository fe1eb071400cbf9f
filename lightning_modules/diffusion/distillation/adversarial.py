"""The adversarial term: a critic compares noised estimates of the student with noised recordings."""

import torch
import torch.nn.functional as F
from torch import Tensor

from lightning_modules.diffusion.distillation.method import CriticCall, Lesson, Method, Room, Weight
from lightning_modules.diffusion.sde import VPSDE
from lightning_modules.diffusion.training_times import LogNormalTimes


class Adversarial(Method):
    r"""Hinge loss of a critic on estimates and recordings, both noised anew at a random level.

    .. math:: \ell_\text{critic} = E[\max(0, 1 - C(x_t, t, y))]_\text{recorded}
              + E[\max(0, 1 + C(x_t, t, y))]_\text{drawn}, \qquad
              \ell_\text{student} = -E[C(x_t, t, y)]_\text{drawn}

    The critic reads features of a frozen network at noised inputs, as in latent adversarial diffusion distillation
    (Sauer et al. 2024, arXiv:2403.12015); there it is a diffusion network, here the classifier.

    Args:
        weight: see :class:`Method`; the critic is trained from the share of the training on where it is above 0.
        mean: mean of the logarithm of the noise level at which the critic compares.
        std: standard deviation of that logarithm.
    """

    def __init__(self, weight: Weight = 0.1, mean: float = -0.6, std: float = 1.2) -> None:
        super().__init__(weight)
        self.times = LogNormalTimes(mean, std)

    def __call__(self, lesson: Lesson, denoised: Tensor, room: Room) -> Tensor:
        assert room.critic is not None, "an adversarial term needs a critic"
        logits = self.judge(room.critic, room.sde, denoised, lesson.y)
        return -torch.stack([one.flatten(1).mean(dim=1) for one in logits]).mean(dim=0)

    def critic_loss(self, room: Room, real: Tensor, y_real: Tensor, fake: Tensor, y_fake: Tensor) -> Tensor:
        """Loss of the critic, a scalar, on log-Mels ``(B, 1, F, L)`` of recordings and of the student."""
        assert room.critic is not None, "an adversarial term needs a critic"
        of_real = self.judge(room.critic, room.sde, real, y_real)
        of_fake = self.judge(room.critic, room.sde, fake.detach(), y_fake)
        losses = [F.relu(1.0 - a).mean() + F.relu(1.0 + b).mean() for a, b in zip(of_real, of_fake, strict=True)]
        return torch.stack(losses).mean()

    def judge(self, critic: CriticCall, sde: VPSDE, x_0: Tensor, y: Tensor) -> list[Tensor]:
        """The critic's logits of log-Mels, each noised at a level of its own from the global random state."""
        t = self.times(len(x_0), sde, x_0.device)
        return critic(sde.perturb(x_0, t, torch.randn_like(x_0)), t, y)
