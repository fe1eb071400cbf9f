"""The front end of the SC09 benchmark's evaluator: a coarse Mel spectrogram in decibels that ignores loudness."""

import torch
from torch import Tensor, nn
from torchaudio.transforms import MelSpectrogram

from lightning_modules.audio.front_end import leave_out_buffers


class DecibelMel(nn.Module):
    r"""32-band power Mel spectrogram in dB below the clip's own peak, floored at -80 dB.

    .. math:: 10 \log_{10} \max(S, 10^{-10}) - \max_{f,l} 10 \log_{10} \max(S, 10^{-10})

    The analysis of the SC09 benchmark's ResNeXt (SaShiMi, Goel et al. 2022, arXiv:2202.09729, evaluation code): n_fft
    2048, hop 512, Slaney scale and norm, frames padded with zeros as librosa does since 0.9.2.

    Args:
        sample_rate: samples per second, Hz.
        n_mels: number of Mel bands.
    """

    def __init__(self, sample_rate: int = 16000, n_mels: int = 32) -> None:
        super().__init__()
        self._mel = MelSpectrogram(
            sample_rate,
            n_fft=2048,
            hop_length=512,
            f_max=sample_rate / 2,
            n_mels=n_mels,
            power=2.0,
            norm="slaney",
            mel_scale="slaney",
            pad_mode="constant",
        )
        leave_out_buffers(self._mel)

    def forward(self, waveform: Tensor) -> Tensor:
        """Decibels ``(B, 1, n_mels, 1 + N // 512)`` in [-80, 0] of ``waveform`` ``(B, N)``."""
        with torch.autocast(waveform.device.type, enabled=False):
            decibels = 10.0 * self._mel(waveform.float()).clamp(min=1e-10).log10()
        return (decibels - decibels.amax(dim=(1, 2), keepdim=True)).clamp(min=-80.0).unsqueeze(1)
