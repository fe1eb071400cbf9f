"""Losses between the spectra of two waveforms."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from lightning_modules.audio.log_mel import LogMel
from lightning_modules.ranges import ABOVE_ZERO, check_ranges


def power_spectrum(waveform: Tensor, window: Tensor) -> Tensor:
    """Squared magnitudes ``(B, K, L)`` of the STFT of ``waveform`` ``(B, N)``; the hop is a quarter of ``window``."""
    spectrum = torch.stft(waveform, len(window), len(window) // 4, window=window, return_complex=True)
    return spectrum.real**2 + spectrum.imag**2


class MultiResolutionSTFT(nn.Module):
    r"""Spectral convergence plus mean absolute difference of log-magnitudes, averaged over STFT resolutions.

    .. math:: \frac{\lVert |S| - |\hat S| \rVert_F}{\lVert |S| \rVert_F}
              + \frac{1}{KL} \lVert \log |S| - \log |\hat S| \rVert_1

    Yamamoto et al. 2020 (arXiv:1910.11480, Eqs. 4 to 6); logarithms are natural, norms are per clip.

    Args:
        fft_sizes: FFT and window lengths in samples; each hop is a quarter.
        floor: smallest magnitude; a full-scale sine peaks at a quarter of the FFT length.
    """

    def __init__(self, fft_sizes: Sequence[int] = (512, 1024, 2048), floor: float = 1e-3) -> None:
        check_ranges(fft_sizes=(list(fft_sizes), "[4, 1048576]"), floor=(floor, ABOVE_ZERO))
        super().__init__()
        self.fft_sizes, self.floor = tuple(fft_sizes), floor
        for n_fft in self.fft_sizes:
            self.register_buffer(f"_window_{n_fft}", torch.hann_window(n_fft), persistent=False)

    def forward(self, waveform: Tensor, reference: Tensor) -> Tensor:
        """Distance ``(B,)`` of ``waveform`` ``(B, N)`` from ``reference`` ``(B, N)``."""
        with torch.autocast(waveform.device.type, enabled=False):
            both = torch.cat([waveform.float(), reference.float()])
            return torch.stack([self._distance(both, n_fft) for n_fft in self.fft_sizes]).mean(dim=0)

    def _distance(self, both: Tensor, n_fft: int) -> Tensor:
        # The floor is added under the root, where a clamp would have no gradient and zero an infinite one.
        magnitude = (power_spectrum(both, getattr(self, f"_window_{n_fft}")) + self.floor**2).sqrt()
        found, expected = magnitude.chunk(2)
        convergence = (expected - found).flatten(1).norm(dim=1) / expected.flatten(1).norm(dim=1)
        return convergence + (expected.log() - found.log()).abs().mean(dim=(1, 2))


class LongTermSpectrum(nn.Module):
    r"""Difference of long-term average spectra, computed for pauses and for speech separately.

    .. math:: \frac{1}{2} \sum_{q} \Bigl( \frac{1}{K} \sum_{k} \mathrm{E}_{b,\, l \in q}
              \bigl[\log |\hat S_{bkl}| - \log |S_{bkl}|\bigr]^2 \Bigr)^{1/2}

    Differences are averaged over the batch, and over the quieter or the louder half of each clip's frames, before they
    are squared. So noise, which no vocoder can predict, averages out, and what a vocoder always adds stays, such as a
    whistle in pauses. A distance frame by frame hardly sees that.

    Args:
        n_fft: FFT and window length in samples; the hop is a quarter.
        floor: smallest magnitude; a full-scale sine peaks at a quarter of the FFT length.
    """

    _window: Tensor

    def __init__(self, n_fft: int = 2048, floor: float = 1e-3) -> None:
        check_ranges(n_fft=(n_fft, "[4, 1048576]"), floor=(floor, ABOVE_ZERO))
        super().__init__()
        self.floor = floor
        self.register_buffer("_window", torch.hann_window(n_fft), persistent=False)

    def forward(self, waveform: Tensor, reference: Tensor) -> Tensor:
        """Distance ``()``, nats, of ``waveform`` ``(B, N)`` from ``reference`` ``(B, N)``, at least two frames long."""
        with torch.autocast(waveform.device.type, enabled=False):
            both = torch.cat([waveform.float(), reference.float()])
            power = power_spectrum(both, self._window)
            found, expected = power.add(self.floor**2).log().mul(0.5).chunk(2)
            order = power[len(waveform) :].sum(dim=1).argsort(dim=1)  # (B, L), quiet frames first
            ordered = (found - expected).gather(2, order.unsqueeze(1).expand_as(found))
            halves = torch.stack([half.mean(dim=(0, 2)) for half in ordered.tensor_split(2, dim=2)])
            return halves.square().mean(dim=1).add(1e-8).sqrt().mean()


class MelDistance(nn.Module):
    """Mean absolute difference of natural-log Mels, as ``front_end`` gives them."""

    def __init__(self, front_end: LogMel) -> None:
        super().__init__()
        self.front_end = front_end

    def forward(self, waveform: Tensor, log_mel: Tensor) -> Tensor:
        """Distance ``(B,)`` in nats of ``waveform``'s log-Mel, ``(B, N)``, from ``log_mel`` ``(B, F, L)``."""
        with torch.autocast(waveform.device.type, enabled=False):
            found = self.front_end.to_log_mel(self.front_end(waveform.float()))
            return (found - log_mel.float()).abs().mean(dim=(1, 2))
