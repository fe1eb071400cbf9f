"""The Trainer of a command: its runs can be resumed, and it reads whole numbers as numbers of batches."""

from collections.abc import Mapping
from typing import Any

from lightning.pytorch import Trainer
from lightning.pytorch.loops.fit_loop import _FitLoop
from lightning.pytorch.trainer.connectors.logger_connector import _LoggerConnector

from lightning_modules.command_line.restored_states import RestoredStates
from lightning_modules.ranges import ABOVE_ZERO, AT_LEAST_ZERO, check_ranges

_PERIOD = "[1, 1000000000]"
# Numbers of Lightning's Trainer; -1 stands for "without end" where Lightning has it so.
RANGES = {
    "max_epochs": "[-1, 1000000000]",
    "min_epochs": "[0, 1000000000]",
    "max_steps": "[-1, 1000000000000]",
    "min_steps": "[0, 1000000000000]",
    "check_val_every_n_epoch": _PERIOD,
    "log_every_n_steps": "[0, 1000000000]",
    "num_sanity_val_steps": "[-1, 1000000000]",
    "accumulate_grad_batches": _PERIOD,
    "gradient_clip_val": AT_LEAST_ZERO,
    "reload_dataloaders_every_n_epochs": "[0, 1000000000]",
    "num_nodes": "[1, 100000]",
}


class ResumableFitLoop(_FitLoop):
    """Lightning's training loop, which goes on from every checkpoint as if the run had never been stopped.

    Lightning 2.6 takes every resumed run that ``max_steps`` ends for one that was stopped within an epoch: a checkpoint
    of an epoch's end then runs that end again without a batch, and the next epoch's order is skipped. And it leaves out
    what was due after a checkpoint that was written as a step ended: validation, and the epoch's end.
    """

    _open = False  # whether the step, after which the checkpoint was written, has still to be ended

    def _iteration_based_training(self) -> bool:
        return False

    @property
    def skip(self) -> bool:
        return self.trainer.limit_train_batches == 0 or (super().skip and not self._was_open())

    @property
    def done(self) -> bool:
        return not self._open and super().done

    def reset(self) -> None:
        self._open = self._was_open()
        if self._open:
            self.epoch_loop.batch_progress.increment_completed()
        super().reset()

    def advance(self) -> None:
        loop, fetcher = self.epoch_loop, self._data_fetcher
        if not self._open or fetcher is None:
            super().advance()
            return
        self._open, loop.val_loop.restarting = False, False
        validates = loop._should_check_val_fx(fetcher)
        loop.on_advance_end(fetcher)
        if loop.batch_progress.is_last_batch or loop._is_training_done:
            self.restarting = False  # the epoch's end is all that is left of it
        else:
            loop._batches_that_stepped -= validates  # Lightning counts a batch again after which it has validated
            super().advance()

    def _was_open(self) -> bool:
        progress = self.epoch_loop.batch_progress.current
        return self.restarting and progress.completed < progress.processed == progress.ready


class HistoryConnector(_LoggerConnector):
    """Lightning's connector to the loggers, which can log a step or an epoch before the checkpoint of it is written.

    Lightning writes checkpoints first and logs afterwards: a run that is stopped in between, or killed there, goes on
    behind a row that it never wrote.
    """

    def __init__(self, trainer: Trainer) -> None:
        super().__init__(trainer)
        self._row = ""  # "step" or "epoch" while training has still to log it
        self._written: frozenset[str] = frozenset()  # what of it write_row has logged

    def write_row(self) -> None:
        """Log now what the step that has just ended, or the epoch, would log next; nothing where that is done."""
        progress = self.trainer.fit_loop.epoch_loop.batch_progress.current
        if not self.trainer.training or self._written:
            return
        if self._row == "step" and progress.processed == progress.ready:
            super().update_train_step_metrics()
            self._written = frozenset(self.metrics["log"])
        elif self._row == "epoch":
            loop = self.trainer.fit_loop.epoch_loop
            loop._batches_that_stepped -= 1  # as Lightning does: an epoch's row has the step of its last batch
            self.log_metrics(self.metrics["log"])
            loop._batches_that_stepped += 1
            self._written = frozenset(self.metrics["log"])

    def on_batch_start(self, batch: Any, dataloader_idx: int | None = None) -> None:
        super().on_batch_start(batch, dataloader_idx)
        if self.trainer.training:
            self._row = "step"

    def epoch_end_reached(self) -> None:
        super().epoch_end_reached()
        if self.trainer.training:
            self._row = "epoch"

    def update_train_step_metrics(self) -> None:
        super().update_train_step_metrics()
        self._row, self._written = "", frozenset()

    def update_train_epoch_metrics(self) -> None:
        super().update_train_epoch_metrics()
        self._row, self._written = "", frozenset()

    def log_metrics(self, metrics: Mapping[str, Any], step: int | None = None) -> None:
        super().log_metrics({name: value for name, value in metrics.items() if name not in self._written}, step)


class RunTrainer(Trainer):
    """Lightning's Trainer with a :class:`ResumableFitLoop` and a :class:`HistoryConnector`.

    It takes every argument of Lightning's.

    Args:
        limit_train_batches: training batches of an epoch: a whole number counts them, a fraction such as 0.1 or 1.0 is
            a share.
        limit_val_batches: the same of validation.
        limit_test_batches: the same of testing.
        limit_predict_batches: the same of drawing.
        overfit_batches: the same of training and validation, which then use one set of batches.
        kwargs: of Lightning's Trainer.

    Raises:
        InputError: a number is out of its range.
    """

    # Written `int | float`: Lightning's own order lets the parser turn 1, one batch, into 1.0, all of them.
    def __init__(
        self,
        *,
        limit_train_batches: int | float | None = None,
        limit_val_batches: int | float | None = None,
        limit_test_batches: int | float | None = None,
        limit_predict_batches: int | float | None = None,
        overfit_batches: int | float = 0.0,
        **kwargs: Any,
    ) -> None:
        limits: dict[str, Any] = {
            "limit_train_batches": limit_train_batches,
            "limit_val_batches": limit_val_batches,
            "limit_test_batches": limit_test_batches,
            "limit_predict_batches": limit_predict_batches,
            "overfit_batches": overfit_batches,
        }
        interval = kwargs.get("val_check_interval")  # or a duration
        check_ranges(
            "trainer",
            **{name: (kwargs.get(name), text) for name, text in RANGES.items()},
            val_check_interval=(interval if isinstance(interval, int | float) else None, ABOVE_ZERO),
            **{name: (value, AT_LEAST_ZERO) for name, value in limits.items()},
        )
        super().__init__(
            **limits,
            **kwargs,
        )
        self._checkpoint_connector = RestoredStates(self)
        loop = ResumableFitLoop(self, self.fit_loop.min_epochs, self.fit_loop.max_epochs)
        loop.epoch_loop = self.fit_loop.epoch_loop
        self.fit_loop = loop
        self._logger_connector = HistoryConnector(self)
