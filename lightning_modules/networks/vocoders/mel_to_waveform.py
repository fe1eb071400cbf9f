"""The interface of the networks inside neural vocoders."""

from abc import ABC, abstractmethod

from torch import Tensor, nn

from lightning_modules.audio.log_mel import LogMel


class MelToWaveform(nn.Module, ABC):
    """Maps L natural-log Mel frames to ``L * hop_length`` samples, without shifting them in time.

    Frames are centred, so L frames of a recording reach half a hop beyond its end: 63 frames give 16,128 samples and
    64 give 16,384, of which the first 16,000 are the second that was analysed.

    Args:
        front_end: the analysis whose log-Mels come in: one object for network, vocoder and training.
    """

    def __init__(self, front_end: LogMel | None = None) -> None:
        super().__init__()
        self.front_end = front_end or LogMel()

    @abstractmethod
    def forward(self, log_mel: Tensor) -> Tensor:
        """Waveforms ``(B, L * hop_length)`` float32 of natural-log Mels ``(B, F, L)``."""
