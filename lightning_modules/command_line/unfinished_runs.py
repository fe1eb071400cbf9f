"""Finds the run that a command goes on with when it is typed again: the unfinished one of its name and settings."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from lightning.pytorch import Trainer
from lightning.pytorch.loggers import CSVLogger, TensorBoardLogger
from lightning.pytorch.trainer.states import TrainerFn

from callbacks.saved_config import FINISHED
from lightning_modules.checkpoints.reading import read_checkpoint
from lightning_modules.checkpoints.run_settings import FREE_DATA, TRAINER_SETTINGS, differences
from lightning_modules.errors import InputError
from lightning_modules.tracking import WandbTracker

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # the one in C is ten times as fast
LAST = Path("checkpoints", "last.ckpt")
CONFIG = "config.yaml"
LENGTHS = ("max_epochs", "min_epochs", "max_steps", "min_steps", "max_time")
_TRAINER = (*TRAINER_SETTINGS, *LENGTHS, "callbacks")
_WHOLE = ("seed_everything", "model", "weights_from", "optimizer", "lr_scheduler")


def choose_checkpoint(trainer: Trainer, given: str | None, resume: bool, config: dict[str, Any]) -> Path | None:
    """Find the checkpoint that training goes on from; None where it starts.

    Args:
        trainer: the Trainer that the command asks for; its loggers are told where to go on.
        given: the command's ``ckpt_path``. Lightning's rules resolve ``last``, and ``hpc`` of a requeued SLURM job.
        resume: whether an unfinished run of the same settings goes on.
        config: all settings of the command, as ``config.yaml`` holds them.

    Raises:
        InputError: there is no such checkpoint, or an unfinished run's is damaged.
    """
    connector = trainer._checkpoint_connector
    try:
        path = connector._parse_ckpt_path(TrainerFn.FITTING, given, model_provided=True, model_connected=False)
    except ValueError as error:
        raise InputError(f"no checkpoint {given!r}: {error}") from error
    if path is None and resume:
        try:
            path = None if (folder := unfinished_run(trainer, config)) is None else folder / LAST
        except InputError as error:
            raise InputError(f"{error}; --resume never starts another run") from error
    if path is not None and resume:
        continue_in(trainer, Path(path))
    return None if path is None else Path(path)


def unfinished_run(trainer: Trainer, config: dict[str, Any]) -> Path | None:
    """Find the run that ``config`` describes and that has not reached its end; of several, the latest.

    Args:
        trainer: the Trainer that the command asks for; its first logger names the folder of runs.
        config: all settings of the command, as ``config.yaml`` holds them.

    Returns:
        Its folder; None where there is no such run.

    Raises:
        InputError: its last checkpoint is damaged.
    """
    if trainer.fast_dev_run or not trainer.checkpoint_callbacks:
        return None
    latest_first = sorted(_folders(trainer), key=lambda folder: (folder / LAST).stat().st_mtime_ns, reverse=True)
    for folder in latest_first:
        if _same_run(folder, config) and not _reached_end(trainer, read_checkpoint(folder / LAST)):
            return folder
    return None


def continue_in(trainer: Trainer, checkpoint: Path) -> None:
    """Let loggers that choose a new folder for each run go on in the folder of the run whose last checkpoint is given.

    A run that starts from an earlier checkpoint branches off, and gets a folder of its own.
    """
    folder = checkpoint.parent.parent
    if checkpoint != folder / LAST:
        return
    for logger in trainer.loggers:
        if isinstance(logger, CSVLogger | TensorBoardLogger) and logger._version is None:
            place = Path(logger.root_dir, folder.name)
            if place.resolve() == folder.resolve() or (logger is not trainer.loggers[0] and place.is_dir()):
                logger._version = folder.name


def _folders(trainer: Trainer) -> Iterator[Path]:
    """Folders of runs that have not ended and have a last checkpoint, where the first logger would put this one."""
    logger = trainer.loggers[0] if trainer.loggers else None
    if logger is None:
        places = [Path(trainer.default_root_dir)]
    elif isinstance(logger, WandbTracker):
        parent = Path(logger.save_dir or trainer.default_root_dir, str(logger.name))
        places = [parent / logger.version] if logger.chosen else list(parent.glob("*"))
    elif isinstance(logger, CSVLogger | TensorBoardLogger):
        root = Path(logger.root_dir)
        places = list(root.glob("version_*")) if logger._version is None else [Path(logger.log_dir)]
    else:
        places = []  # how another logger names its folders is not known
    return (
        place
        for place in places
        if (place / LAST).is_file() and (place / CONFIG).is_file() and not (place / FINISHED).exists()
    )


def _same_run(folder: Path, asked: dict[str, Any]) -> bool:
    """Whether the settings that make a run what it is are those of the run in ``folder``."""
    try:
        stored = yaml.load((folder / CONFIG).read_text(), Loader=_LOADER)
        return isinstance(stored, dict) and not any(differences(_identity(stored), _identity(asked)))
    except (OSError, yaml.YAMLError, UnicodeDecodeError, TypeError, AttributeError):
        return False


def _identity(config: dict[str, Any]) -> dict[str, Any]:
    trainer, data = config.get("trainer") or {}, config.get("data") or {}
    free = [name for name in FREE_DATA if name != "root"]
    logger = trainer.get("logger")
    return {
        **{name: config.get(name) for name in _WHOLE},
        "name": (logger.get("init_args") or {}).get("name") if isinstance(logger, dict) else None,
        "trainer": {name: trainer.get(name) for name in _TRAINER},
        "data": {
            "class_path": data.get("class_path"),
            "init_args": {k: v for k, v in (data.get("init_args") or {}).items() if k not in free},
        },
    }


def _reached_end(trainer: Trainer, checkpoint: dict[str, Any]) -> bool:
    """Whether a run without a mark has ended all the same: those of earlier versions left none.

    A run of this version without a mark was killed at its very end, and what is left of it costs no time.
    """
    if "seed" in checkpoint.get("run", {}):
        return False
    try:
        progress = checkpoint["loops"]["fit_loop"]
        epochs = int(progress["epoch_progress"]["current"]["processed"])
        batches = progress["epoch_loop.batch_progress"]["current"]
        if batches["completed"] < batches["processed"]:
            return False  # written as a step ended: what is due after it is missing
    except (KeyError, TypeError, ValueError) as error:
        raise InputError("its last checkpoint does not say how far it is: use another copy") from error
    steps, most = trainer.max_steps, trainer.max_epochs
    return 0 <= steps <= checkpoint["global_step"] or (most is not None and 0 <= most <= epochs)
