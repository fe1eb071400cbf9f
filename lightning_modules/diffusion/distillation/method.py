"""What every method of distillation is: a loss of a student's estimate, and its weight over the training."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

from torch import Tensor

from lightning_modules.diffusion.distillation.teacher import Teacher
from lightning_modules.diffusion.samplers.grid_points import GridPoint
from lightning_modules.diffusion.sde import VPSDE

Weight = float | Sequence[tuple[float, float]]
CriticCall = Callable[[Tensor, Tensor, Tensor], list[Tensor]]
"""``(x_t, t, y)`` to maps of logits ``(B, F', L')``, one of each tap that the critic reads: above 0 for recordings."""


class Lesson(NamedTuple):
    """One task of a student: to jump from a state at one noise level.

    Attributes:
        x_t: ``(B, 1, F, L)`` states.
        now: noise level of the states.
        then: noise level to which the student's next step goes; that of ``t_min`` after the last evaluation.
        y: ``(B,)`` labels.
        endpoint: ``(B, 1, F, L)`` where the teacher arrives from the state, or the clean log-Mel that was noised.
        trust: ``(B,)`` weight of that answer in regression.
        loss_weight: ``(B, 1, 1, 1)`` DSM weight of the student's denoiser at ``now``.
    """

    x_t: Tensor
    now: GridPoint
    then: GridPoint
    y: Tensor
    endpoint: Tensor
    trust: Tensor
    loss_weight: Tensor


@dataclass(frozen=True)
class Room:
    """What methods ask while a student learns.

    Attributes:
        sde: diffusion process.
        teacher: solves guided steps.
        critic: tells drawn from recorded log-Mels; None where no method asks it.
    """

    sde: VPSDE
    teacher: Teacher
    critic: CriticCall | None = None


class Method(ABC):
    """One way to teach; chosen in YAML by ``class_path``, and combined with others by their weights.

    Args:
        weight: factor of the loss: a number, or pairs of the share of the training, from 0 to 1, and the number that
            holds from there on; before the first it is 0.

    Raises:
        ValueError: a weight is negative, or shares do not increase.
    """

    def __init__(self, weight: Weight = 1.0) -> None:
        self.weight = [(0.0, float(weight))] if isinstance(weight, int | float) else [(a, b) for a, b in weight]
        shares = [share for share, _ in self.weight]
        if not self.weight or any(value < 0 for _, value in self.weight) or not all(a < b for a, b in pairwise(shares)):
            raise ValueError(f"expected weights of at least 0 at increasing shares of the training, got {weight}")

    def weight_at(self, share: float) -> float:
        """Weight at a ``share`` of the training, in [0, 1]."""
        return next((value for start, value in reversed(self.weight) if share >= start), 0.0)

    @abstractmethod
    def __call__(self, lesson: Lesson, denoised: Tensor, room: Room) -> Tensor:
        """Loss ``(B,)`` of the student's estimate ``denoised``, shape of ``lesson.x_t``, without the weight."""


def check_methods(methods: Sequence[Method]) -> None:
    """Refuse methods that cannot be combined.

    Raises:
        ValueError: one stands there twice, or there is a time at which none has a weight.
    """
    names = [type(method).__name__ for method in methods]
    if repeated := [name for name in names if names.count(name) > 1]:
        raise ValueError(f"a method may stand once in the list, {repeated[0]} stands there twice: give it one weight")
    starts = sorted({0.0, *(share for method in methods for share, _ in method.weight)})
    if idle := [share for share in starts if share < 1 and not any(method.weight_at(share) for method in methods)]:
        raise ValueError(
            f"no method has a weight above 0 at a share of {idle[0]:g} of the training, so that nothing is learned: "
            "give one of them a weight from there on"
        )
