"""Shows pictures, sounds, tables and rows in the loggers of a run."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch import Trainer
from lightning.pytorch.loggers import TensorBoardLogger, WandbLogger
from torch import Tensor

from lightning_modules.tracking import WandbTracker
from lightning_modules.tracking.pictures import read_png, save_confusion


def log_picture(trainer: Trainer, name: str, path: Path) -> None:
    """Show the PNG at ``path`` in every logger that can show pictures."""
    for logger in trainer.loggers:
        if isinstance(logger, WandbLogger):
            logger.log_image(name, [str(path)], step=trainer.global_step)
        elif isinstance(logger, TensorBoardLogger):
            logger.experiment.add_image(name, read_png(path), trainer.global_step, dataformats="HWC")


def log_audio(trainer: Trainer, name: str, waveforms: Tensor, captions: list[str], sample_rate: int) -> None:
    """Add players for ``waveforms`` ``(B, N)`` to every logger that can play."""
    for logger in trainer.loggers:
        if isinstance(logger, WandbLogger):
            audios = [waveform.float().cpu().numpy() for waveform in waveforms]
            settings = {"sample_rate": [sample_rate] * len(audios), "caption": captions}
            logger.log_audio(name, audios, step=trainer.global_step, **settings)
        elif isinstance(logger, TensorBoardLogger):
            for caption, waveform in zip(captions, waveforms, strict=True):
                logger.experiment.add_audio(
                    f"{name}/{caption}", waveform.float().cpu().unsqueeze(0), trainer.global_step, sample_rate
                )


def log_confusion(trainer: Trainer, name: str, counts: list[list[int]], path: Path) -> None:
    """Draw how often each digit (row) was heard as each (column), and show it; W&B gets a table too."""
    save_confusion(path, counts)
    log_picture(trainer, name, path)
    cells = [[i, j, count] for i, row in enumerate(counts) for j, count in enumerate(row) if count]
    log_table(trainer, f"{name}_table", ["intended", "heard", "clips"], cells)


def log_table(trainer: Trainer, name: str, columns: list[str], rows: Sequence[Sequence[Any]]) -> None:
    """Show ``rows`` in loggers that have tables; a cell that is a path of a WAV becomes a player."""
    for logger in trainer.loggers:
        if isinstance(logger, WandbLogger):
            import wandb

            def cell(value: Any) -> Any:
                return wandb.Audio(str(value)) if isinstance(value, Path) else value

            data = [[cell(value) for value in row] for row in rows]
            logger.log_table(name, columns=columns, data=data, step=trainer.global_step)


def log_scores(trainer: Trainer, scores: Sequence[Any], folder: Path, listen: Sequence[Any]) -> None:
    """Show the rows of ``scoretap test``; the first, which is the model's, also as figures and in the run's summary.

    Args:
        trainer: owner of the loggers.
        scores: rows, :class:`lightning_modules.evaluation.scoring.Row`.
        folder: folder of the samples.
        listen: rows ``(digit, seed, guidance scale, path of a WAV)`` of samples to play.
    """
    if not trainer.loggers:
        return
    import numpy as np
    import soundfile

    row, names = scores[0], list(dict.fromkeys(name for row in scores for name in row.figures))
    for logger in trainer.loggers:
        logger.log_metrics({f"score/{name}": value for name, value in row.figures.items()}, step=trainer.global_step)
        if isinstance(logger, WandbTracker):
            cells = {name: value for name, value in row.cells().items() if value is not None}
            logger.summarise({f"score/{name}": value for name, value in cells.items()})
            logger.log_hyperparams({f"score/{name}": value for name, value in cells.items() if name in row.facts})
            if logger.log_samples:
                logger.keep_folder("samples", "samples", folder)
    log_table(trainer, "score/table", ["", "clips", *names], [
        [row.name, row.count, *(row.figures.get(name) for name in names)] for row in scores
    ])  # fmt: skip
    log_table(trainer, "score/listen", ["digit", "seed", "guidance_scale", "audio"], listen)
    read = [soundfile.read(path, dtype="float32") for *_, path in listen]
    waveforms = torch.from_numpy(np.stack([waveform for waveform, _ in read]))
    log_audio(trainer, "score/samples", waveforms, [path.stem for *_, path in listen], read[0][1])
    if row.confusion is not None:
        log_confusion(trainer, "score/confusion", row.confusion, folder / "confusion.png")
