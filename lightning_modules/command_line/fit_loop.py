"""The training loop of a run that can be resumed."""

from lightning.pytorch import Trainer
from lightning.pytorch.loops.fit_loop import _FitLoop


class ResumableFitLoop(_FitLoop):
    """Lightning's training loop, which resumes a run counted by steps as it resumes one counted by epochs.

    Lightning 2.6 takes every resumed run that ``max_steps`` ends for one that was stopped within an epoch. A checkpoint
    of an epoch's end then runs that end again without a batch, and the next epoch's order is skipped.
    """

    def _iteration_based_training(self) -> bool:
        return False


def use_resumable_fit_loop(trainer: Trainer) -> None:
    """Let ``trainer`` train by a :class:`ResumableFitLoop`."""
    loop = ResumableFitLoop(trainer, trainer.fit_loop.min_epochs, trainer.fit_loop.max_epochs)
    loop.epoch_loop = trainer.fit_loop.epoch_loop
    trainer.fit_loop = loop
