"""Doing work on the first process for all processes."""

from collections.abc import Callable
from typing import Any

from lightning.pytorch import Trainer

from lightning_modules.errors import InputError


def on_first(trainer: Trainer, work: Callable[[], Any]) -> Any:
    """Do ``work`` on the first process while the others wait; an input error there is raised on all.

    Returns:
        What ``work`` returns, on the first process; None on the others.
    """
    result, sentence = None, None
    if trainer.is_global_zero:
        try:
            result = work()
        except InputError as error:
            sentence = str(error)
    sentence = trainer.strategy.broadcast(sentence)
    if sentence is not None:
        raise InputError(sentence)
    return result
