"""States of a training that goes on: they are refused before the first step where a checkpoint's are damaged."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from lightning.pytorch.trainer.connectors.checkpoint_connector import _CheckpointConnector
from torch.optim import AdamW, Optimizer

from lightning_modules.errors import InputError
from lightning_modules.interruption import SignalError
from lightning_modules.muon import Muon

_OF_A_WEIGHT = ({"step", "exp_avg", "exp_avg_sq"}, {"momentum"})  # what AdamW and Muon remember of one


class RestoredStates(_CheckpointConnector):
    """Lightning's reader of states, which says in one sentence that they are damaged.

    Raises:
        InputError: a state of an optimiser, schedule, loop or callback is none of this training.
    """

    def restore_callbacks(self) -> None:
        with _refusing("the callbacks"):
            super().restore_callbacks()

    def restore_training_state(self) -> None:
        fresh = [[dict(group) for group in optimizer.param_groups] for optimizer in self.trainer.optimizers]
        with _refusing("the state of training"):
            self._check_schedulers()
            super().restore_training_state()
            for optimizer, groups in zip(self.trainer.optimizers, fresh, strict=True):
                _check_optimizer(optimizer, groups)

    def _check_schedulers(self) -> None:
        stored = (self._loaded_checkpoint or {}).get("lr_schedulers") or []
        for state, config in zip(stored, self.trainer.lr_scheduler_configs, strict=False):
            _check_settings(state, config.scheduler.state_dict(), "schedule")


@contextmanager
def _refusing(what: str) -> Iterator[None]:
    try:
        yield
    except (InputError, OSError, SignalError):
        raise
    except Exception as error:  # states of anything else make their owners raise anything
        reason = " ".join(f"{type(error).__name__}: {error}".split())[:200]
        raise InputError(
            f"cannot go on with {what} that the checkpoint holds, damaged or another version's ({reason}): use another "
            "copy"
        ) from error


def _check_settings(stored: dict[str, Any], fresh: dict[str, Any], what: str) -> None:
    """Refuse settings of which one is missing, or is none that a new optimiser or schedule could have."""
    for name, value in fresh.items():
        if name not in stored or not _is_alike(stored[name], value):
            raise _damaged(f"{name} of its {what} is {str(stored.get(name, 'missing'))[:40]}")


def _check_optimizer(optimizer: Optimizer, fresh: list[dict[str, Any]]) -> None:
    """Compare what was restored with the settings of the new ``fresh`` optimiser, and with the shapes of weights.

    Raises:
        InputError: names what does not fit.
    """
    for group, new in zip(optimizer.param_groups, fresh, strict=True):
        _check_settings(group, new, "optimiser")
    for weight, state in optimizer.state.items():
        if isinstance(optimizer, AdamW | Muon) and set(state) not in _OF_A_WEIGHT:
            raise _damaged("what its optimiser remembers of a weight is not whole")
        for name, value in state.items():
            if not isinstance(value, torch.Tensor) or value.shape not in (weight.shape, ()):
                raise _damaged(f"{name} of a weight of shape {tuple(weight.shape)} is of another")


def _is_alike(value: Any, new: Any) -> bool:
    """Whether a setting can stand for a new optimiser's: a number for a number, and else something of the same kind."""
    if isinstance(new, bool) or new is None:
        return type(value) is type(new)
    if isinstance(new, int | float):
        return isinstance(value, int | float) and math.isfinite(value)
    if isinstance(new, list | tuple):
        return isinstance(value, list | tuple) and len(value) == len(new) and all(map(_is_alike, value, new))
    return isinstance(value, type(new))


def _damaged(what: str) -> InputError:
    return InputError(f"the checkpoint is damaged or of another training ({what}): use another copy")
