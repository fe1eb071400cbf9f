"""Checks before training that a network's logits are one for each class of the data."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from lightning_modules.errors import InputError

DIGITS = 10  # a digit keeps its id, also where others are left out


def try_out(network: nn.Module, call: Callable[[], Any], expected: str) -> Any:
    """Call a network once, in evaluation mode and without gradients, and leave it as it was.

    Args:
        network: of a user, perhaps.
        call: calls it with an input of two clips.
        expected: what it must map to what, for the sentence.

    Raises:
        InputError: the network cannot be called so.
    """
    modes = {module: module.training for module in network.modules()}
    network.eval()
    try:
        with torch.no_grad():
            return call()
    except InputError:
        raise
    except Exception as error:  # a network of a user's own may raise anything
        reason = " ".join(str(error).split())[:200]
        raise InputError(
            f"{type(network).__name__} must map {expected}, but that raised {type(error).__name__} ({reason}): "
            "correct the network or its settings"
        ) from error
    finally:
        for module, mode in modes.items():
            module.training = mode


def check_logits(logits: Any, labels: Sequence[int], network: nn.Module, exactly: bool = False) -> None:
    """Refuse logits that do not fit the digits.

    Args:
        logits: what a network made of two clips.
        labels: digits of the data, each of which needs its logit.
        network: for the sentence.
        exactly: whether there must be ten logits, whatever the data hold.

    Raises:
        InputError: they are no ``(2, K)``, or there are fewer than the digits need, or more than ten.
    """
    name = type(network).__name__
    if not isinstance(logits, Tensor) or logits.ndim != 2 or len(logits) != 2:
        what = f"a tensor {tuple(logits.shape)}" if isinstance(logits, Tensor) else f"a {type(logits).__name__}"
        raise InputError(f"{name} must give logits (B, K) of B clips, it gives {what} of 2 clips: correct the network")
    needed = DIGITS if exactly else max(labels, default=0) + 1
    if not needed <= logits.shape[1] <= DIGITS:
        raise InputError(
            f"{name} gives {logits.shape[1]:,} logits, expected {DIGITS}, one for each digit"
            + (f" (or {needed} to {DIGITS} for the digits {list(labels)})" if needed < DIGITS else "")
            + ": set its number of classes, such as num_classes 10"
        )
