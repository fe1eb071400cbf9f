"""The folder in which a run keeps its files."""

import os
from pathlib import Path

from lightning.pytorch import Trainer

from lightning_modules.checkpoints.catalogue import WEIGHTS


def run_folder(trainer: Trainer) -> Path:
    """Find the folder of this run, in which ``ModelCheckpoint`` makes ``checkpoints/``; the same on every process.

    It is the first logger's ``log_dir``; where a logger has none, such as Weights & Biases, ``save_dir/name/version``.
    Without a logger it is the Trainer's ``default_root_dir``. Call it on all processes.
    """
    return Path(trainer.strategy.broadcast(str(own_run_folder(trainer))))


def own_run_folder(trainer: Trainer) -> str | Path:
    """Find the folder of this run as this process sees it, before processes can talk to each other."""
    if not trainer.loggers:
        return trainer.default_root_dir
    logger = trainer.loggers[0]
    log_dir = getattr(logger, "log_dir", None)
    if isinstance(log_dir, str | os.PathLike):
        return log_dir
    version = logger.version if isinstance(logger.version, str) else f"version_{logger.version}"
    return Path(logger.save_dir or trainer.default_root_dir, str(logger.name), version)


def checkpoint_folder(trainer: Trainer) -> Path:
    """Find the folder of the run whose checkpoint is tested.

    A shipped model has no run on this machine: its folder is in ``default_root_dir`` and has the model's name. Without
    a checkpoint the folder is ``default_root_dir`` itself.
    """
    if trainer.ckpt_path is None:
        return Path(trainer.default_root_dir)
    path = Path(trainer.ckpt_path)
    if path.suffix == WEIGHTS:  # its folder is the package's, or the user's cache
        return Path(trainer.default_root_dir, path.stem)
    folder = path.parent
    return folder.parent if folder.name == "checkpoints" else folder
