"""Front ends, which compute what a corpus stores of each clip: their interface, and the one that keeps waveforms."""

import inspect
from abc import ABC, abstractmethod
from typing import Any

from torch import Tensor, nn

from lightning_modules.ranges import check_ranges


class FrontEnd(nn.Module, ABC):
    """Maps one-second waveforms to the fixed-shape features that a corpus caches and a network reads.

    Args:
        sample_rate: samples per second of the waveforms, Hz.
        num_samples: length of every clip in samples; shorter recordings are padded before they come here.
    """

    def __init__(self, sample_rate: int = 16000, num_samples: int = 16000) -> None:
        check_ranges(sample_rate=(sample_rate, "[1, 1000000]"), num_samples=(num_samples, "[1, 100000000]"))
        super().__init__()
        self.sample_rate, self.num_samples = sample_rate, num_samples

    @property
    def settings(self) -> dict[str, Any]:
        """Every number that changes the features, by name: front ends with equal settings give equal features.

        These are the arguments of the constructor, each kept under its name.
        """
        return {name: getattr(self, name) for name in inspect.signature(type(self)).parameters}

    @abstractmethod
    def forward(self, waveform: Tensor) -> Tensor:
        """Features ``(B, ...)`` float32 of ``waveform`` ``(B, N)`` with samples in [-1, 1]."""

    def differences(self, other: "FrontEnd") -> list[str]:
        """Settings in which ``other`` differs, each as a text with both values; empty if there are none."""
        mine = {"front_end": type(self).__name__, **self.settings}
        theirs = {"front_end": type(other).__name__, **other.settings}
        return [
            f"{name}: {mine.get(name)} against {theirs.get(name)}"
            for name in sorted(mine.keys() | theirs.keys())
            if mine.get(name) != theirs.get(name)
        ]


class Waveform(FrontEnd):
    """Keeps the waveform ``(B, N)`` as it is: for models that augment or analyse audio themselves."""

    def forward(self, waveform: Tensor) -> Tensor:
        return waveform


def leave_out_buffers(module: nn.Module) -> None:
    """Keep the buffers of ``module`` out of checkpoints: filter banks and windows follow from the settings."""
    for part in module.modules():
        part._non_persistent_buffers_set.update(part._buffers)
