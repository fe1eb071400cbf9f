"""A callback that stops training at the first NaN or infinity."""

from typing import Any, Literal

import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from torch import Tensor

from callbacks.run_folder import run_folder
from callbacks.trained_buffers import trained_buffers
from lightning_modules.errors import NonFiniteError
from lightning_modules.ranges import check_ranges


class NonFiniteGuard(Callback):
    """Stops at the first loss or gradient that is NaN or infinite, before it reaches a parameter.

    The weights of the last good step are saved first, to ``last_good.ckpt`` in the run's folder. Gradients are
    checked after they were reduced over processes, so all processes stop, or skip, together. Under fp16 the gradient
    scaler expects such gradients and deals with them: there only the loss is checked. Buffers that the forward pass has
    changed by then, such as BatchNorm's statistics, are set back to those before the step.

    Args:
        action: ``stop`` the run, or ``skip`` the step and count it.
        max_skips: skipped steps in a row after which the run stops all the same.
    """

    def __init__(self, action: Literal["stop", "skip"] = "stop", max_skips: int = 10) -> None:
        check_ranges("NonFiniteGuard", max_skips=(max_skips, "[0, 1000000000]"))
        self.action, self.max_skips = action, max_skips
        self.skipped = 0
        self._in_a_row = 0
        self._loss_ok: Tensor | None = None
        self._good: dict[str, Tensor] | None = None  # buffers before the step; None once it is over

    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int) -> None:
        if self._good is None:
            self._good = {name: buffer.clone() for name, buffer in trained_buffers(pl_module).items()}

    def on_before_backward(self, trainer: Trainer, pl_module: LightningModule, loss: Tensor) -> None:
        self._loss_ok = torch.isfinite(loss.detach()).float()

    def on_before_optimizer_step(self, trainer: Trainer, pl_module: LightningModule, optimizer: Any) -> None:
        gradients = [p.grad for p in pl_module.parameters() if p.grad is not None]
        ok = torch.ones((), device=pl_module.device) if self._loss_ok is None else self._loss_ok
        if trainer.precision != "16-mixed":
            ok = ok * torch.isfinite(torch.nn.utils.get_total_norm(gradients)).float()
        if trainer.world_size > 1:
            ok = trainer.strategy.reduce(ok, reduce_op="sum") / trainer.world_size
        good, self._good = self._good or {}, None
        if bool(ok == 1.0):
            self._in_a_row = 0
            return
        buffers = trained_buffers(pl_module)
        for name, value in good.items():
            buffers[name].copy_(value)
        self.skipped += 1
        self._in_a_row += 1
        if self.action == "skip" and self._in_a_row <= self.max_skips:
            optimizer.zero_grad(set_to_none=True)
            pl_module.log("train/skipped_steps", float(self.skipped), prog_bar=True)
            return
        self._stop(trainer, pl_module)

    def _stop(self, trainer: Trainer, pl_module: LightningModule) -> None:
        path = run_folder(trainer) / "last_good.ckpt"
        trainer.save_checkpoint(path)
        raise NonFiniteError(
            f"loss or gradient is not finite at step {trainer.global_step}, "
            f"{_describe(getattr(pl_module, 'last_step', {}))}; the last good weights are in {path}: "
            "lower the learning rate, or look at these items"
        )

    def state_dict(self) -> dict[str, Any]:
        return {"skipped": self.skipped}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.skipped = state_dict["skipped"]


def _describe(step: dict[str, Tensor]) -> str:
    """Name noise levels and corpus items of a step: only the bad ones where the loss shows which they are."""
    if not step:
        return "batch unknown"
    bad = ~torch.isfinite(step["loss"])
    rows = bad.nonzero().flatten().tolist() or list(range(len(bad)))
    items = ", ".join(f"item {int(step['index'][i])} at t={float(step['t'][i]):.4f}" for i in rows[:4])
    what = "non-finite for" if bad.any() else "finite loss but bad gradient in a batch with"
    return f"{what} {items}" + (f" and {len(rows) - 4} more" if len(rows) > 4 else "")
