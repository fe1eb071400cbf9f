"""Checks of the input that all metrics share."""

import torch
from torch import Tensor


def float64_rows(values: Tensor, width: int, device: torch.device) -> Tensor:
    """``values`` as float64 ``(B, width)`` on ``device``, without gradient; a ValueError if the shape is another."""
    if values.ndim != 2 or values.shape[1] != width:
        raise ValueError(f"expected rows of shape (B, {width}), got {tuple(values.shape)}")
    return values.detach().to(device, torch.float64)


def require(count: Tensor | int, least: int, kind: str) -> int:
    """``count`` as an integer; a ValueError if fewer than ``least`` samples were seen."""
    if int(count) < least:
        raise ValueError(f"expected at least {least} {kind} samples, got {int(count)}")
    return int(count)


def require_no_reference(reference: object) -> None:
    """Refuse real samples, by a ValueError, where a stored reference stands for them already."""
    if reference is not None:
        raise ValueError("expected generated samples only: the real ones are given by the stored reference")
