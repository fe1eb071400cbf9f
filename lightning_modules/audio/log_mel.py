"""Log-Mel spectrograms in [-1, 1], matched to 16 kHz HiFi-GAN vocoders."""

import math
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torchaudio.transforms import MelSpectrogram

from lightning_modules.audio.front_end import FrontEnd, leave_out_buffers


class LogMel(FrontEnd):
    r"""Natural logarithm of a magnitude Mel spectrogram, scaled to [-1, 1] by fixed constants.

    .. math:: x = 2\,\frac{\log\max(\mathrm{mel}, \text{log\_floor}) - \log \text{log\_floor}}
                          {\text{log\_max} - \log \text{log\_floor}} - 1

    The analysis is that of ``speechbrain/tts-hifigan-libritts-16kHz`` (Slaney scale and norm, power 1, centred frames
    with reflection). One second gives 1 + 16000 // 256 = 63 frames; the last one is repeated up to ``num_frames``, so
    that networks can halve the axis several times, and cut off again by :meth:`to_log_mel`.

    Args:
        sample_rate: samples per second, Hz.
        num_samples: clip length in samples.
        n_fft: FFT and window length in samples.
        hop_length: samples between frames.
        n_mels: number of Mel bands, F.
        f_min: lowest band edge, Hz.
        f_max: highest band edge, Hz.
        num_frames: frames that networks see, L; at least ``1 + num_samples // hop_length``.
        log_floor: smallest Mel magnitude before the logarithm; it maps to -1.
        log_max: natural-log magnitude that maps to 1. A full-scale sine peaks near 2.0 with these filters.
    """

    def __init__(
        self,
        sample_rate: int = 16000,
        num_samples: int = 16000,
        n_fft: int = 1024,
        hop_length: int = 256,
        n_mels: int = 80,
        f_min: float = 0.0,
        f_max: float = 8000.0,
        num_frames: int = 64,
        log_floor: float = 1e-5,
        log_max: float = 2.0,
    ) -> None:
        super().__init__(sample_rate, num_samples)
        self.n_fft, self.hop_length, self.n_mels = n_fft, hop_length, n_mels
        self.f_min, self.f_max = f_min, f_max
        self.num_frames, self.log_floor, self.log_max = num_frames, log_floor, log_max
        self.analysed_frames = 1 + num_samples // hop_length
        if num_frames < self.analysed_frames:
            raise ValueError(
                f"num_frames must hold the {self.analysed_frames} frames of {num_samples} samples at hop {hop_length}, "
                f"got {num_frames}"
            )
        slaney: dict[str, Any] = {"norm": "slaney", "mel_scale": "slaney"}
        self._mel = MelSpectrogram(
            sample_rate, n_fft, hop_length=hop_length, f_min=f_min, f_max=f_max, n_mels=n_mels, power=1.0, **slaney
        )
        leave_out_buffers(self._mel)

    @property
    def shape(self) -> tuple[int, int, int]:
        """Shape ``(1, F, L)`` of one clip as networks see it."""
        return (1, self.n_mels, self.num_frames)

    @property
    def scaled_per_nat(self) -> float:
        """How much a scaled log-Mel grows where the natural logarithm grows by 1."""
        return 2.0 / (self.log_max - math.log(self.log_floor))

    @property
    def filter_bank(self) -> Tensor:
        """Mel filters ``(n_fft // 2 + 1, F)`` in 1/Hz (Slaney area norm)."""
        return self._mel.mel_scale.fb

    def forward(self, waveform: Tensor) -> Tensor:
        """Scaled log-Mel ``(B, 1, F, L)`` of ``waveform`` ``(B, N)``.

        Raises:
            ValueError: ``waveform`` is not two-dimensional or has another length than ``num_samples``.
        """
        if waveform.ndim != 2 or waveform.shape[1] != self.num_samples:
            raise ValueError(f"expected waveforms (B, {self.num_samples}), got {tuple(waveform.shape)}")
        return self.padded(self._mel(waveform).clamp(min=self.log_floor).log())

    def padded(self, log_mel: Tensor) -> Tensor:
        """Scaled ``(B, 1, F, L)`` of natural-log Mels ``(B, F, 1 + N // hop_length)``, the last frame repeated."""
        padding = self.num_frames - self.analysed_frames
        return self.from_log_mel(F.pad(log_mel, (0, padding), mode="replicate")).unsqueeze(1)

    def from_log_mel(self, log_mel: Tensor) -> Tensor:
        """Scale natural-log magnitudes of any shape to [-1, 1]."""
        low = math.log(self.log_floor)
        return (log_mel - low) * self.scaled_per_nat - 1.0

    def to_log_mel(self, x_0: Tensor) -> Tensor:
        """Natural-log Mel ``(B, F, 1 + N // hop_length)`` of scaled ``x_0`` ``(B, 1, F, L)``, its padding cut off.

        Magnitudes are held between the floor and e times ``log_max``'s: no recording is louder, and a diverged sample
        must not overflow.
        """
        low = math.log(self.log_floor)
        log_mel = (x_0.squeeze(1) + 1.0) * ((self.log_max - low) / 2.0) + low
        return torch.clamp(log_mel[..., : self.analysed_frames], min=low, max=self.log_max + 1.0)
