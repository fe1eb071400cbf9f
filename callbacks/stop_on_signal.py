"""A callback that ends training after a signal, with everything saved."""

from pathlib import Path
from typing import Any

import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.callbacks import ModelCheckpoint
from lightning.pytorch.strategies.launchers import _SubprocessScriptLauncher

from lightning_modules.interruption import SignalError, pending_signal, take_signals, wait_for_step


class StopOnSignal(Callback):
    """Saves ``last.ckpt`` after the optimizer step in which SIGTERM or SIGINT came, on all processes alike, and stops.

    A run that goes on from there repeats nothing and leaves nothing out. Drawing and testing stop at once: each sample
    is on disk as soon as it is drawn. ``scoretap`` adds this callback to every run; it must come after the others.
    """

    def __init__(self) -> None:
        self._stopping_together = False

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        take_signals()  # Lightning has set a handler that ends a run with status 0
        wait_for_step(True)

    def on_predict_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        take_signals()

    on_test_start = on_predict_start

    def on_train_batch_end(self, trainer: Trainer, pl_module: LightningModule, *args: Any, **kwargs: Any) -> None:
        if trainer.fit_loop._should_accumulate():
            return  # gradients are no part of a checkpoint
        if number := self._signal(trainer):
            raise SignalError(number, self._save(trainer))

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        number = self._signal(trainer)
        wait_for_step(False)
        if number:  # it came after the last step: nothing is left to train, but what follows must not start
            raise SignalError(number, f" at step {trainer.global_step}, the last: all of the run is saved")

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        wait_for_step(False)
        launcher = trainer.strategy.launcher
        alone = isinstance(exception, SignalError) and not self._stopping_together
        if alone and isinstance(launcher, _SubprocessScriptLauncher):
            launcher.kill(exception.number)

    def _signal(self, trainer: Trainer) -> int:
        """The signal that one process, or another, has got; 0 for none. Call it on all processes."""
        number = pending_signal()
        if trainer.world_size > 1:  # another process may have got it
            numbers = torch.tensor(float(number), device=trainer.strategy.root_device)
            number = int(trainer.strategy.reduce(numbers, reduce_op="max"))
        self._stopping_together = bool(number) and trainer.world_size > 1
        return number

    def _save(self, trainer: Trainer) -> str:
        saver = next((found for found in trainer.checkpoint_callbacks if isinstance(found, ModelCheckpoint)), None)
        if saver is None or saver.dirpath is None:
            return f" at step {trainer.global_step}; nothing saves checkpoints of this run"
        path = Path(saver.dirpath, f"{saver.CHECKPOINT_NAME_LAST}{saver.FILE_EXTENSION}")
        trainer.save_checkpoint(path)
        return f" at step {trainer.global_step}; {path} holds all until here: --ckpt_path {path} goes on"
