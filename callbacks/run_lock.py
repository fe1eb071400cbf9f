"""Gives a run a folder that no other run writes to."""

import contextlib
import itertools
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from lightning.pytorch import Trainer

from callbacks.run_folder import own_run_folder
from lightning_modules.leavings import sweep
from lightning_modules.locks import hold

_OTHERWISE = "give another --trainer.logger.init_args.name"
_claimed: list[Path] = []  # folders of versions that this process made


@contextmanager
def claimed_versions() -> Iterator[None]:
    """Remove the folders that :func:`lock_run` made in the block where nothing was written to them."""
    before = len(_claimed)
    try:
        yield
    finally:
        for folder in _claimed[before:]:
            with contextlib.suppress(OSError):
                folder.rmdir()  # refuses one that holds anything
        del _claimed[before:]


def lock_run(trainer: Trainer, command: str = "fit", goes_on: bool = False) -> None:
    """Give loggers that count versions one that no other run has, and lock the folder of the run.

    Of several processes the first does so for all. What killed runs left in the folders beside it is removed.

    Args:
        trainer: of the run.
        command: other commands than ``fit`` write to such a folder only where they have a logger.
        goes_on: whether an unfinished run of this name was found, which may not be finished because it is running.

    Raises:
        InputError: another process writes to the run's folder.
    """
    writes = command == "fit" or bool(trainer.loggers)
    if not writes or not trainer.is_global_zero or trainer.fast_dev_run:  # type: ignore[attr-defined]
        return
    versions: dict[str, int] = {}
    for logger in trainer.loggers:
        _claim_version(logger, versions)
    folder = Path(own_run_folder(trainer))
    hold(folder, otherwise="--resume never starts another run" if goes_on else _OTHERWISE)
    for place in (folder, *(folder.parent.glob("*") if trainer.loggers else ())):
        for inside in (place, place / "checkpoints"):
            if inside.is_dir():
                sweep(inside)


def _claim_version(logger: Any, versions: dict[str, int]) -> None:
    """Make the folder of the next version, which takes it from any other process that looks for one.

    Args:
        logger: of the run; one whose version the user gave, or whose runs have names by chance, stays as it is.
        versions: those that loggers of this run have taken, by the folder they lie in, which loggers share.
    """
    if getattr(logger, "_version", "") is not None or not hasattr(logger, "_get_next_version"):
        return
    root = str(logger.root_dir)
    if root not in versions:
        for version in itertools.count(logger._get_next_version()):
            with contextlib.suppress(FileExistsError):  # another run has just taken it
                os.makedirs(folder := Path(root, f"version_{version}"))
                _claimed.append(folder)
                versions[root] = version
                break
    logger._version = versions[root]
