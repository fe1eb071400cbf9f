"""The Trainer of a command: its runs can be resumed, and it reads whole numbers as numbers of batches."""

from typing import Any

from lightning.pytorch import Trainer
from lightning.pytorch.loops.fit_loop import _FitLoop

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
    """Lightning's training loop, which resumes a run counted by steps as it resumes one counted by epochs.

    Lightning 2.6 takes every resumed run that ``max_steps`` ends for one that was stopped within an epoch. A checkpoint
    of an epoch's end then runs that end again without a batch, and the next epoch's order is skipped.
    """

    def _iteration_based_training(self) -> bool:
        return False


class RunTrainer(Trainer):
    """Lightning's Trainer with a :class:`ResumableFitLoop`; it takes every argument of Lightning's.

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
        loop = ResumableFitLoop(self, self.fit_loop.min_epochs, self.fit_loop.max_epochs)
        loop.epoch_loop = self.fit_loop.epoch_loop
        self.fit_loop = loop
