"""The optimiser and the learning-rate schedule of a module's trained parameters."""

import math
from collections.abc import Iterable
from typing import Any, Literal

import torch
from torch import nn

from lightning_modules.errors import InputError
from lightning_modules.muon import Muon
from lightning_modules.ranges import ABOVE_ZERO, AT_LEAST_ZERO, BELOW_ONE, INSIDE_ONE, check_ranges

_FALL = 0.3  # share of a run in which `falling` falls

_FALL = 0.3  # share of a run in which `falling` falls


class Optimization:
    """AdamW or Muon with a learning-rate schedule per step.

    Args:
        learning_rate: peak learning rate.
        weight_decay: decoupled weight decay.
        optimizer: ``adamw`` (the paper's kind), or ``muon`` (matrices orthogonalised: fewer steps to the same loss).
        betas: decay rates of AdamW's moments.
        schedule: ``constant`` after the warm-up, ``falling`` (the same, then linearly to 0 over the last 30 % of the
            run), or ``one_cycle`` (cosine up and down to 0 over the whole run).
        warmup_steps: steps of linear warm-up; ``one_cycle`` takes ``warmup_share`` instead.
        warmup_share: share of the run in which ``one_cycle`` rises, in (0, 1).

    Raises:
        InputError: a setting is out of its range.
    """

    def __init__(
        self,
        learning_rate: float = 2e-4,
        weight_decay: float = 0.0,
        optimizer: Literal["adamw", "muon"] = "adamw",
        betas: tuple[float, float] = (0.9, 0.999),
        schedule: Literal["constant", "falling", "one_cycle"] = "constant",
        warmup_steps: int = 0,
        warmup_share: float = 0.1,
    ) -> None:
        check_ranges(
            learning_rate=(learning_rate, ABOVE_ZERO),
            weight_decay=(weight_decay, AT_LEAST_ZERO),
            betas=(betas, BELOW_ONE),
            warmup_steps=(warmup_steps, "[0, 1000000000]"),
            warmup_share=(warmup_share, INSIDE_ONE),
        )
        self.learning_rate, self.weight_decay, self.betas = learning_rate, weight_decay, tuple(betas)
        self.optimizer = optimizer
        self.schedule, self.warmup_steps, self.warmup_share = schedule, warmup_steps, warmup_share

    def configure(
        self, parameters: Iterable[nn.Parameter], total_steps: float, planned_steps: int | None = None
    ) -> dict[str, Any]:
        """Make the optimiser and its schedule, in the form that Lightning expects.

        Args:
            parameters: of the module; those that are frozen are left out.
            total_steps: optimizer steps of the whole run; infinite where only its user ends it.
            planned_steps: number of steps for which a resumed run had planned ``one_cycle``; None for a new run.

        Raises:
            InputError: ``one_cycle`` is given no end, or more steps than it was planned for.
        """
        trained = [p for p in parameters if p.requires_grad]
        kind = Muon if self.optimizer == "muon" else torch.optim.AdamW
        optimizer = kind(trained, lr=self.learning_rate, betas=self.betas, weight_decay=self.weight_decay)
        if self.schedule == "one_cycle":
            self._check_cycle(total_steps, planned_steps)
            # OneCycleLR divides by share * steps - 1: runs of some ten steps rise a little longer.
            share = max(self.warmup_share, 1.5 / total_steps) if total_steps > 1 else self.warmup_share
            scheduler: Any = torch.optim.lr_scheduler.OneCycleLR(
                optimizer,
                self.learning_rate,
                total_steps=int(total_steps),
                pct_start=share,
                cycle_momentum=self.optimizer == "adamw",
            )
        else:
            warmup, falls = max(1, self.warmup_steps), self.schedule == "falling"
            if falls and math.isinf(total_steps):
                raise InputError(
                    "schedule falling must know how long a run is, this one has no end: set trainer.max_steps or "
                    "max_epochs, or schedule constant"
                )

            def factor(step: int) -> float:
                rest = (1.0 - step / total_steps) / _FALL if falls else 1.0
                return max(0.0, min(1.0, (step + 1) / warmup, rest))

            scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, factor)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": scheduler, "interval": "step"}}

    @staticmethod
    def _check_cycle(total_steps: float, planned_steps: int | None) -> None:
        if math.isinf(total_steps):
            raise InputError(
                "schedule one_cycle must know how long a run is, this one has no end: set trainer.max_steps or "
                "max_epochs, or schedule constant"
            )
        if planned_steps is not None and total_steps > planned_steps:
            raise InputError(
                f"the checkpoint's one_cycle schedule ends after {planned_steps} steps, {int(total_steps)} are asked "
                f"for: set trainer.max_steps to at most {planned_steps}, or train anew"
            )
