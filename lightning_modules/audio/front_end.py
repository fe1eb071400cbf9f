"""What a corpus stores of each clip: the interface, and the trivial front end that keeps the waveform."""

from abc import ABC, abstractmethod
from typing import Any

from torch import Tensor, nn


class FrontEnd(nn.Module, ABC):
    """Maps one-second waveforms to the fixed-shape features that a corpus caches and a network reads.

    Args:
        sample_rate: samples per second of the waveforms, Hz.
        num_samples: length of every clip in samples; shorter recordings are padded before they come here.
    """

    def __init__(self, sample_rate: int = 16000, num_samples: int = 16000) -> None:
        super().__init__()
        self.sample_rate = sample_rate
        self.num_samples = num_samples

    @property
    @abstractmethod
    def settings(self) -> dict[str, Any]:
        """Every number that changes the features, as plain values: the identity of this front end."""

    @abstractmethod
    def forward(self, waveform: Tensor) -> Tensor:
        """Features ``(B, ...)`` float32 of ``waveform`` ``(B, N)`` with samples in [-1, 1]."""

    def differences(self, other: "FrontEnd") -> list[str]:
        """Names of the settings in which ``other`` differs, each with both values; empty if they agree."""
        mine = {"front_end": type(self).__name__, **self.settings}
        theirs = {"front_end": type(other).__name__, **other.settings}
        return [
            f"{name}: {mine.get(name)} against {theirs.get(name)}"
            for name in sorted(mine.keys() | theirs.keys())
            if mine.get(name) != theirs.get(name)
        ]


class Waveform(FrontEnd):
    """Keeps the waveform ``(B, N)`` as it is: for models that augment or analyse audio themselves."""

    @property
    def settings(self) -> dict[str, Any]:
        return {"sample_rate": self.sample_rate, "num_samples": self.num_samples}

    def forward(self, waveform: Tensor) -> Tensor:
        return waveform
