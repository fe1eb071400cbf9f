"""A callback that does its work every few epochs or steps of training, however rare validation is."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from lightning.pytorch import Callback, LightningModule, Trainer

from callbacks.ema import EMA
from callbacks.run_folder import run_folder
from lightning_modules.errors import InputError
from lightning_modules.ranges import check_ranges


class Clock(Callback):
    """Calls :meth:`on_time` when its time has come; not used by itself.

    At the end of an epoch that is validated, it is called within the validation. At other times the module is in
    evaluation mode and has the weights that validation would have: the averaged ones where :class:`EMA` is set.

    Args:
        every_n_epochs: epochs from one call to the next.
        every_n_steps: optimizer steps from one call to the next; takes the place of ``every_n_epochs``.

    Raises:
        InputError: a period is out of range, or there is none.
    """

    def __init__(self, every_n_epochs: int | None, every_n_steps: int | None = None) -> None:
        period = "[1, 1000000000]"
        name = type(self).__name__
        check_ranges(name, every_n_epochs=(every_n_epochs, period), every_n_steps=(every_n_steps, period))
        if every_n_epochs is None and every_n_steps is None:
            raise InputError(f"{name} must know when to draw: give every_n_epochs or every_n_steps")
        self.every_n_epochs, self.every_n_steps = every_n_epochs, every_n_steps
        self._last: int | None = None  # epoch or step of the latest call

    def on_time(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Do the work; called on all processes."""
        raise NotImplementedError

    def folder(self, trainer: Trainer) -> Path:
        """Name the folder for samples of this moment; call it on all processes."""
        return run_folder(trainer) / "samples" / self.moment(trainer).replace(" ", "=")

    def moment(self, trainer: Trainer) -> str:
        """Name this moment: ``epoch 9`` or ``step 500``."""
        return f"epoch {trainer.current_epoch}" if self.every_n_steps is None else f"step {trainer.global_step}"

    def log_figures(self, trainer: Trainer, pl_module: LightningModule, figures: dict[str, float]) -> None:
        """Log figures now; call it on all processes, within :meth:`on_time`."""
        tensors = {name: torch.tensor(value, device=pl_module.device) for name, value in figures.items()}
        if self.every_n_steps is None:
            pl_module.log_dict(tensors, sync_dist=True, reduce_fx="max")  # equal on all processes already
            return
        # For callbacks that watch figures.
        pl_module.log_dict(tensors, on_step=True, on_epoch=False, logger=False, sync_dist=True, reduce_fx="max")
        for logger in trainer.loggers:  # Lightning would write only every `log_every_n_steps`
            logger.log_metrics(figures, step=trainer.fit_loop.epoch_loop._batches_that_stepped)

    def on_validation_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        training = trainer.state.fn == "fit" and not trainer.sanity_checking
        if training and trainer.fit_loop.epoch_loop.batch_progress.is_last_batch and self._ends_period(trainer):
            self._call(trainer, pl_module, trainer.current_epoch)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if self._ends_period(trainer) and self._last != trainer.current_epoch:
            with _as_validated(trainer, pl_module):
                self._call(trainer, pl_module, trainer.current_epoch)

    def on_train_batch_end(self, trainer: Trainer, pl_module: LightningModule, *args: object) -> None:
        step = trainer.global_step
        if self.every_n_steps is None or not step or step % self.every_n_steps or self._last == step:
            return
        with _as_validated(trainer, pl_module):
            self._call(trainer, pl_module, step)

    def _ends_period(self, trainer: Trainer) -> bool:
        if self.every_n_steps is not None or self.every_n_epochs is None:
            return False
        return (trainer.current_epoch + 1) % self.every_n_epochs == 0

    def _call(self, trainer: Trainer, pl_module: LightningModule, now: int) -> None:
        self._last = now
        self.on_time(trainer, pl_module)


@contextmanager
def _as_validated(trainer: Trainer, pl_module: LightningModule) -> Iterator[None]:
    """Put the module into evaluation mode, with averaged weights where a callback averages, and back."""
    modes = {module: module.training for module in pl_module.modules()}
    averages = [callback for callback in trainer.callbacks if isinstance(callback, EMA)]
    for average in averages:
        average.update(trainer, pl_module)  # where it stands behind the clock, it has not yet seen this step
        average.swap_in(pl_module)
    pl_module.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        for module, mode in modes.items():
            module.training = mode
        for average in averages:
            average.swap_out(pl_module)
