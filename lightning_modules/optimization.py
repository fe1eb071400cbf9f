"""How the trained part of a module is optimised."""

from collections.abc import Iterable
from typing import Any, Literal

import torch
from torch import nn


class Optimization:
    """AdamW with a learning-rate schedule per step.

    Args:
        learning_rate: peak learning rate.
        weight_decay: decoupled weight decay.
        betas: decay rates of AdamW's moments.
        schedule: ``constant`` after the warm-up, or ``one_cycle`` (cosine up and down to 0 over the whole run).
        warmup_steps: steps of linear warm-up; ``one_cycle`` takes ``warmup_share`` instead.
        warmup_share: share of the run in which ``one_cycle`` rises, in (0, 1).
    """

    def __init__(
        self,
        learning_rate: float = 2e-4,
        weight_decay: float = 0.0,
        betas: tuple[float, float] = (0.9, 0.999),
        schedule: Literal["constant", "one_cycle"] = "constant",
        warmup_steps: int = 0,
        warmup_share: float = 0.1,
    ) -> None:
        if learning_rate <= 0:
            raise ValueError(f"learning_rate must be above 0, got {learning_rate}")
        if not 0 < warmup_share < 1:
            raise ValueError(f"warmup_share must be in (0, 1), got {warmup_share}")
        self.learning_rate, self.weight_decay, self.betas = learning_rate, weight_decay, tuple(betas)
        self.schedule, self.warmup_steps, self.warmup_share = schedule, warmup_steps, warmup_share

    def configure(self, parameters: Iterable[nn.Parameter], total_steps: int) -> dict[str, Any]:
        """Optimizer and schedule in Lightning's form for ``total_steps`` optimizer steps."""
        trained = [p for p in parameters if p.requires_grad]
        optimizer = torch.optim.AdamW(trained, lr=self.learning_rate, betas=self.betas, weight_decay=self.weight_decay)
        if self.schedule == "one_cycle":
            scheduler: Any = torch.optim.lr_scheduler.OneCycleLR(
                optimizer, self.learning_rate, total_steps=total_steps, pct_start=self.warmup_share
            )
        else:
            warmup = max(1, self.warmup_steps)
            scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: min(1.0, (step + 1) / warmup))
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": scheduler, "interval": "step"}}
