"""Stepping two optimisers by hand: a network's and that of the networks that judge it."""

from typing import Any

from lightning.pytorch import LightningModule
from torch import Tensor

from lightning_modules.errors import InputError


def listed(found: Any) -> list[Any]:
    """What Lightning gives of optimisers or schedules, as a list also where it is one alone."""
    return found if isinstance(found, list) else [found]


def step(module: LightningModule, optimizer: Any, loss: Tensor, gradient_clip: float) -> None:
    """Take one step of ``optimizer`` down the gradient of ``loss``, whose norm is held below ``gradient_clip``."""
    optimizer.zero_grad()
    module.manual_backward(loss)
    module.clip_gradients(optimizer, gradient_clip, "norm")
    optimizer.step()


def uncounted(optimizer: Any) -> Any:
    """``optimizer``, whose steps Lightning does not count: schedules and ``max_steps`` are meant in batches."""
    optimizer._on_before_step = optimizer._on_after_step = lambda: None
    return optimizer


def check_two_optimizers(trainer: Any, what: str) -> None:
    """Refuse a Trainer that would clip, or scale, gradients of both optimisers as one.

    Raises:
        InputError: names the setting.
    """
    if trainer.gradient_clip_val:
        raise InputError(
            f"{what} clips the gradients of its two optimisers itself, trainer.gradient_clip_val is "
            f"{trainer.gradient_clip_val}: set it to null, and model.init_args.gradient_clip to what is meant"
        )
    if trainer.precision == "16-mixed":
        raise InputError("two optimisers cannot share one gradient scaler: set trainer.precision bf16-mixed")
