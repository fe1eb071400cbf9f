"""The Trainer of a command: its runs can be resumed, and it reads whole numbers as numbers of batches."""

from typing import Any

from lightning.pytorch import Trainer
from lightning.pytorch.loops.fit_loop import _FitLoop


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
        super().__init__(
            limit_train_batches=limit_train_batches,
            limit_val_batches=limit_val_batches,
            limit_test_batches=limit_test_batches,
            limit_predict_batches=limit_predict_batches,
            overfit_batches=overfit_batches,
            **kwargs,
        )
        loop = ResumableFitLoop(self, self.fit_loop.min_epochs, self.fit_loop.max_epochs)
        loop.epoch_loop = self.fit_loop.epoch_loop
        self.fit_loop = loop
