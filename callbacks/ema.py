"""A callback that keeps an exponential moving average of the trained parameters."""

from typing import Any

import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from torch import Tensor

from callbacks.trained_buffers import trained_buffers
from lightning_modules.ranges import BELOW_ONE, check_ranges


class EMA(Callback):
    r"""Averages the trained parameters; validation, test and checkpoints use the average.

    .. math:: \bar\theta \leftarrow d\,\bar\theta + (1 - d)\,\theta, \qquad
              d = \min\Bigl(\text{decay}, \frac{1 + n}{10 + n}\Bigr)

    after optimizer step n, for trained parameters and for the statistics that BatchNorm keeps of them: floating buffers
    outside frozen parts, as ``torch.optim.swa_utils.AveragedModel`` has with ``use_buffers``. Frozen parts are never
    touched, not even by rounding. For evaluation the average is swapped into the module itself: a copy of the module
    could read another module's taps. A checkpoint's ``state_dict`` holds the average; the raw values stand beside it as
    ``raw_parameters`` and training resumes from them.

    Args:
        decay: largest d, in [0, 1).
    """

    def __init__(self, decay: float = 0.999) -> None:
        check_ranges("EMA", decay=(decay, BELOW_ONE))
        self.decay = decay
        self._average: dict[str, Tensor] = {}
        self._raw: dict[str, Tensor] | None = None  # while the average is swapped in
        self._steps = 0

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        trained = _trained(pl_module)
        if not self._average or not self._average.keys() <= trained.keys():
            # A buffer that holds an infinity is a mask; its average would be NaN.
            self._average = {name: tensor.clone() for name, tensor in trained.items() if tensor.isfinite().all()}
            self._steps = trainer.global_step
        self._average = {name: average.to(trained[name].device) for name, average in self._average.items()}

    def on_train_batch_end(self, trainer: Trainer, pl_module: LightningModule, *args: Any) -> None:
        self.update(trainer, pl_module)

    def update(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Take the latest optimizer step into the average, once."""
        if trainer.global_step == self._steps:  # gradients are still being accumulated
            return
        self._steps = trainer.global_step
        decay = min(self.decay, (1 + self._steps) / (10 + self._steps))
        trained = _trained(pl_module)
        tensors = [trained[name] for name in self._average]
        torch._foreach_lerp_(list(self._average.values()), tensors, 1.0 - decay)

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self.swap_in(pl_module)

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self.swap_out(pl_module)

    def on_test_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self.swap_in(pl_module)

    def on_test_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self.swap_out(pl_module)

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        self.swap_out(pl_module)

    def on_save_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]) -> None:
        if not self._average:
            return
        raw = self._raw or _trained(pl_module)
        checkpoint["raw_parameters"] = {name: raw[name].clone() for name in self._average}
        checkpoint["state_dict"] = {
            **checkpoint["state_dict"],
            **{name: average.clone() for name, average in self._average.items()},
        }

    def on_load_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]) -> None:
        raw = checkpoint.get("raw_parameters")
        if raw is None or trainer.state.fn != "fit":  # only training goes on from the raw parameters
            return
        self._average = {name: checkpoint["state_dict"][name].clone() for name in raw}
        self._steps = checkpoint["global_step"]
        _assign(pl_module, raw)

    def swap_in(self, pl_module: LightningModule) -> None:
        """Give the module the average; nothing happens where it has it."""
        if self._average and self._raw is None:
            trained = _trained(pl_module)
            self._raw = {name: trained[name].clone() for name in self._average}
            _assign(pl_module, self._average)

    def swap_out(self, pl_module: LightningModule) -> None:
        """Give the module its own parameters back, if it has the average."""
        if self._raw is not None:
            _assign(pl_module, self._raw)
            self._raw = None


def _trained(module: LightningModule) -> dict[str, Tensor]:
    """Tensors that are averaged, by name and detached."""
    parameters = {name: p.detach() for name, p in module.named_parameters() if p.requires_grad}
    return parameters | {name: b for name, b in trained_buffers(module).items() if b.is_floating_point()}


def _assign(module: LightningModule, values: dict[str, Tensor]) -> None:
    trained = _trained(module)
    for name, value in values.items():
        trained[name].copy_(value)
