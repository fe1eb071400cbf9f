"""Endpoint regression: the student says where the teacher's whole path ends."""

import torch.nn.functional as F
from torch import Tensor

from lightning_modules.diffusion.distillation.method import Lesson, Method, Room, Weight


class EndpointRegression(Method):
    r"""Smooth L1 distance between the student's estimate and the end of the teacher's path through its state.

    .. math:: \ell = \frac1D \sum_i h_\beta(\mathrm{denoised}_i - x_{0,i}), \qquad
              h_\beta(d) = \begin{cases} d^2 / 2\beta & |d| < \beta \\ |d| - \beta / 2 & \text{else} \end{cases}

    Knowledge distillation of diffusion models into one step (Luhman and Luhman 2021, arXiv:2101.02388), with a loss
    that forgives the few places where a path was hard to foresee.

    Args:
        weight: see :class:`Method`.
        beta: difference, in units of the scaled log-Mel, above which the loss grows linearly; above 0.
    """

    def __init__(self, weight: Weight = 3.0, beta: float = 0.1) -> None:
        super().__init__(weight)
        if not beta > 0:
            raise ValueError(f"beta must be above 0, got {beta}")
        self.beta = beta

    def __call__(self, lesson: Lesson, denoised: Tensor, room: Room) -> Tensor:
        distance = F.smooth_l1_loss(denoised, lesson.endpoint, reduction="none", beta=self.beta)
        return lesson.trust * distance.flatten(1).mean(dim=1)
