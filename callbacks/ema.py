"""Exponential moving average of the trained parameters."""

from typing import Any

import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from torch import Tensor


class EMA(Callback):
    r"""Averages what is trained, and nothing else; validates, tests and saves the average.

    .. math:: \bar\theta \leftarrow d\,\bar\theta + (1 - d)\,\theta, \qquad
              d = \min\Bigl(\text{decay}, \frac{1 + n}{10 + n}\Bigr)

    after optimizer step n. Frozen parameters are never touched, not even by rounding. The average is swapped into the
    module for evaluation, so that nothing is copied that could read another module's taps. A checkpoint's
    ``state_dict`` holds the average; the raw parameters stand beside it and training resumes from them.

    Args:
        decay: largest d, in [0, 1).
    """

    def __init__(self, decay: float = 0.999) -> None:
        if not 0.0 <= decay < 1.0:
            raise ValueError(f"decay must be in [0, 1), got {decay}")
        self.decay = decay
        self._average: dict[str, Tensor] = {}
        self._raw: dict[str, Tensor] | None = None  # while the average is swapped in
        self._steps = 0

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        trained = _trained(pl_module)
        if self._average.keys() != trained.keys():
            self._average = {name: p.detach().clone() for name, p in trained.items()}
            self._steps = trainer.global_step
        self._average = {name: average.to(trained[name].device) for name, average in self._average.items()}

    def on_train_batch_end(self, trainer: Trainer, pl_module: LightningModule, *args: Any) -> None:
        if trainer.global_step == self._steps:  # gradients are still being accumulated
            return
        self._steps = trainer.global_step
        decay = min(self.decay, (1 + self._steps) / (10 + self._steps))
        trained = _trained(pl_module)
        averages = [self._average[name] for name in trained]
        torch._foreach_lerp_(averages, [p.detach() for p in trained.values()], 1.0 - decay)

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._swap_in(pl_module)

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._swap_out(pl_module)

    def on_test_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._swap_in(pl_module)

    def on_test_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._swap_out(pl_module)

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        self._swap_out(pl_module)

    def on_save_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]) -> None:
        if not self._average:
            return
        raw = self._raw or {name: p.detach() for name, p in _trained(pl_module).items()}
        checkpoint["raw_parameters"] = {name: p.clone() for name, p in raw.items()}
        checkpoint["state_dict"] = {
            **checkpoint["state_dict"],
            **{name: a.clone() for name, a in self._average.items()},
        }

    def on_load_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]) -> None:
        raw = checkpoint.get("raw_parameters")
        if raw is None or trainer.state.fn != "fit":  # only training goes on from the raw parameters
            return
        trained = _trained(pl_module)
        self._average = {name: checkpoint["state_dict"][name].clone() for name in trained}
        self._steps = checkpoint["global_step"]
        _assign(trained, raw)

    def _swap_in(self, pl_module: LightningModule) -> None:
        if self._average and self._raw is None:
            trained = _trained(pl_module)
            self._raw = {name: p.detach().clone() for name, p in trained.items()}
            _assign(trained, self._average)

    def _swap_out(self, pl_module: LightningModule) -> None:
        if self._raw is not None:
            _assign(_trained(pl_module), self._raw)
            self._raw = None


def _trained(module: LightningModule) -> dict[str, torch.nn.Parameter]:
    return {name: p for name, p in module.named_parameters() if p.requires_grad}


@torch.no_grad()
def _assign(parameters: dict[str, torch.nn.Parameter], values: dict[str, Tensor]) -> None:
    for name, parameter in parameters.items():
        parameter.copy_(values[name])
