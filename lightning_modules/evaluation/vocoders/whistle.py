"""Measures steady tones in pauses, which people call a whistle and which no distance frame by frame shows."""

import torch
from torch import Tensor

_N_FFT, _HOP = 1024, 256
_NEIGHBOURS = 31  # bins, of which the median is the level around a frequency
_QUIET = 4.0  # frames up to 6 dB above the tenth of a clip's frames that is quietest
_FLOOR = 1e-9  # power of a bin; a full-scale sine has 65,536


def whistle_db(waveforms: Tensor) -> float:
    """Measure how far one frequency stands above its neighbours in the pauses of ``waveforms`` ``(B, N)``, dB.

    The power spectrum of each clip's quiet frames, in dB, less its running median; then the mean over clips, of which
    the largest value counts. Noise has little, whatever its colour; recordings keep the hum of their rooms.

    Raises:
        ValueError: there is no clip, or it is shorter than a frame.
    """
    if not len(waveforms) or waveforms.shape[1] < _N_FFT:
        raise ValueError(f"expected clips of at least {_N_FFT} samples, got {tuple(waveforms.shape)}")
    return float(torch.cat([_rises(part) for part in waveforms.split(64)]).mean(dim=0).max())


def _rises(waveforms: Tensor) -> Tensor:
    """``(B, n_fft // 2 + 2 - neighbours)`` dB by which each frequency stands above those around it, in quiet frames."""
    window = torch.hann_window(_N_FFT, device=waveforms.device)
    power = torch.stft(waveforms, _N_FFT, _HOP, window=window, return_complex=True).abs().square()
    level = power.sum(dim=1)
    quiet = (level <= _QUIET * level.quantile(0.1, dim=1, keepdim=True)).to(power)
    mean = (power * quiet[:, None]).sum(dim=2) / quiet.sum(dim=1, keepdim=True)
    spectrum = 10.0 * torch.log10(mean + _FLOOR)
    margin = _NEIGHBOURS // 2
    return spectrum[:, margin:-margin] - spectrum.unfold(1, _NEIGHBOURS, 1).median(dim=2).values
