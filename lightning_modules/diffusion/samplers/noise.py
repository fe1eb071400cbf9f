"""Noise that depends on a sample's seed alone, not on its neighbours, its device or the number of processes."""

from typing import Protocol

import torch
from torch import Tensor


class NoiseSource(Protocol):
    """Gives fresh standard normal noise, one draw after another."""

    def draw(self) -> Tensor:
        """``(B, ...)`` standard normal values."""
        ...


class PerSampleNoise:
    """One random stream per sample (as EDM2's ``StackedRandomGenerator``, arXiv:2312.02696).

    Each sample of ``shape`` has a seed in [0, 2**63). Streams run on the CPU, so that every device sees the same bits;
    draws are returned on ``device``.
    """

    def __init__(
        self,
        seeds: list[int],
        shape: tuple[int, ...],
        device: torch.device | str = "cpu",
        dtype: torch.dtype = torch.float32,
    ) -> None:
        self._streams = [torch.Generator().manual_seed(seed) for seed in seeds]
        self._shape, self._device, self._dtype = tuple(shape), device, dtype

    def draw(self) -> Tensor:
        draws = torch.empty(len(self._streams), *self._shape, dtype=self._dtype)
        for row, stream in zip(draws, self._streams, strict=True):
            row.normal_(generator=stream)
        return draws.to(self._device, non_blocking=True)
