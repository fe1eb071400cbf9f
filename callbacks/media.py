"""Pictures and sounds to whatever logger is set."""

from pathlib import Path

from lightning.pytorch import Trainer
from lightning.pytorch.loggers import TensorBoardLogger, WandbLogger
from torch import Tensor

from callbacks.pictures import read_png


def log_picture(trainer: Trainer, name: str, path: Path) -> None:
    """Show the PNG at ``path`` in every logger that can show pictures."""
    for logger in trainer.loggers:
        if isinstance(logger, WandbLogger):
            logger.log_image(name, [str(path)])
        elif isinstance(logger, TensorBoardLogger):
            logger.experiment.add_image(name, read_png(path), trainer.global_step, dataformats="HWC")


def log_audio(trainer: Trainer, name: str, waveforms: Tensor, captions: list[str], sample_rate: int) -> None:
    """Add players for ``waveforms`` ``(B, N)`` to every logger that can play."""
    for logger in trainer.loggers:
        if isinstance(logger, WandbLogger):
            audios = [waveform.float().cpu().numpy() for waveform in waveforms]
            settings = {"sample_rate": [sample_rate] * len(audios), "caption": captions}
            logger.log_audio(name, audios, **settings)
        elif isinstance(logger, TensorBoardLogger):
            for caption, waveform in zip(captions, waveforms, strict=True):
                logger.experiment.add_audio(
                    f"{name}/{caption}", waveform.float().cpu().unsqueeze(0), trainer.global_step, sample_rate
                )
