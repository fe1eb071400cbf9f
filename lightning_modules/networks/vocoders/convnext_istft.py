"""The network of the light vocoder: ConvNeXt blocks on Mel frames, then an inverse STFT."""

from typing import Literal

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lightning_modules.audio.log_mel import LogMel
from lightning_modules.networks.vocoders.mel_to_waveform import MelToWaveform
from lightning_modules.ranges import LAYERS, SIZE, check_ranges

_MAX_LOG_MAGNITUDE = 7.0  # a full-scale sine reaches log(256) = 5.5 under a Hann window of 1024 samples
_COMPRESSION = 0.3  # exponent of the magnitudes that the backbone reads
_MOMENTUM = 0.99  # of fast Griffin-Lim (Perraudin et al. 2013)
_NOISE_SAMPLES = 16000  # length of the noise that gives the initial phases; longer clips repeat it


class ConvNeXtISTFT(MelToWaveform):
    r"""Predicts magnitude and phase of a short-time spectrum, which the inverse transform turns into a waveform.

    .. math:: X = \exp(m_0 + m_\theta)\,\exp(i (\varphi_0 + \varphi_\theta)), \qquad x = \mathrm{ISTFT}(X)

    Vocos (Siuzdak 2023, arXiv:2306.00814, Section 3): everything runs at the frame rate, without upsampling, and
    so it is fast. What is known need not be learned: :math:`m_0` is the logarithm of the Mel's pseudo-inverse, as in
    FreeV (Lv et al. 2024, arXiv:2406.08196), and :math:`\varphi_0` is what a few Griffin-Lim iterations reach from
    there. These carry a tone's phase from frame to frame, which convolutions over frames cannot, as they do not know
    the absolute time. The network corrects both and starts as Griffin-Lim.

    The phases that the iterations start from decide how pauses sound. From phases of zero, neighbouring frames of the
    background agree at some frequencies, which makes a whistle; from the phases of a fixed noise it stays noise.

    Args:
        front_end: the analysis whose log-Mels come in; the output's spectrum has its window and hop.
        width: channels of the backbone.
        hidden: channels inside a block.
        num_blocks: number of blocks.
        iterations: Griffin-Lim iterations before the network; with 0 the network predicts the whole phase.
        initial_phase: what the iterations start from.

    Raises:
        InputError: a setting is out of its range.
    """

    _inverse: Tensor
    _envelope: Tensor
    _window: Tensor
    _noise: Tensor

    def __init__(
        self,
        front_end: LogMel | None = None,
        width: int = 192,
        hidden: int = 448,
        num_blocks: int = 5,
        iterations: int = 8,
        initial_phase: Literal["zero", "noise"] = "noise",
    ) -> None:
        check_ranges(
            width=(width, SIZE),
            hidden=(hidden, SIZE),
            num_blocks=(num_blocks, LAYERS),
            iterations=(iterations, "[0, 1000]"),
        )
        super().__init__(front_end)
        self.n_fft, self.hop_length = self.front_end.n_fft, self.front_end.hop_length
        self.iterations, self.initial_phase = iterations, initial_phase
        bins = self.n_fft // 2 + 1
        self.stem = nn.Conv1d(self.front_end.n_mels, width, 5, padding=2)
        self.start = nn.Conv1d(2 * bins, width, 1) if iterations else None
        self.norm_in = nn.LayerNorm(width)
        self.blocks = nn.ModuleList(_ConvNeXtBlock(width, hidden, 1.0 / num_blocks) for _ in range(num_blocks))
        self.norm_out = nn.LayerNorm(width)
        self.head = nn.Linear(width, 2 * bins)
        with torch.no_grad():  # corrections start at zero; a phase of the network's own must start somewhere
            self.head.weight[: 2 * bins if iterations else bins].zero_()
            self.head.bias.zero_()
        inverse, envelope = mel_inverses(self.front_end)
        self.register_buffer("_inverse", inverse, persistent=False)
        self.register_buffer("_envelope", envelope, persistent=False)
        self.register_buffer("_window", torch.hann_window(self.n_fft), persistent=False)
        noise = torch.randn(_NOISE_SAMPLES, generator=torch.Generator().manual_seed(0))
        self.register_buffer("_noise", noise, persistent=False)

    def forward(self, log_mel: Tensor) -> Tensor:
        with torch.autocast(log_mel.device.type, enabled=False):
            magnitude = self.first_magnitude(log_mel.float())
            spectrum = self._first_spectrum(magnitude) if self.iterations else None
        x = self.stem(log_mel)
        if self.start is not None and spectrum is not None:
            size = spectrum.abs().clamp(min=self.front_end.log_floor)
            x = x + self.start(
                torch.view_as_real(spectrum * size ** (_COMPRESSION - 1)).permute(0, 1, 3, 2).flatten(1, 2)
            )
        x = self.norm_in(x.transpose(1, 2))
        for block in self.blocks:
            x = block(x)
        change, phase = self.head(self.norm_out(x)).transpose(1, 2).float().chunk(2, dim=1)
        with torch.autocast(log_mel.device.type, enabled=False):
            if spectrum is not None:
                phase = phase + spectrum.angle()
            return self.synthesize((magnitude.log() + change).clamp(max=_MAX_LOG_MAGNITUDE).exp(), phase)

    def first_magnitude(self, log_mel: Tensor) -> Tensor:
        """Magnitudes ``(B, n_fft // 2 + 1, L)``: the pseudo-inverse, and half the envelope where it leaves holes."""
        mel = log_mel.exp()
        inverse = torch.einsum("kf,bfl->bkl", self._inverse, mel)
        return torch.maximum(inverse, 0.5 * torch.einsum("kf,bfl->bkl", self._envelope, mel))

    @torch.no_grad()
    def _first_spectrum(self, magnitude: Tensor) -> Tensor:
        """Complex spectrum ``(B, n_fft // 2 + 1, L)`` of a waveform, by some iterations of fast Griffin-Lim."""
        phase = self._initial_phase(magnitude.shape[-1]).expand_as(magnitude)
        spectrum = previous = self._consistent(magnitude * phase)
        for _ in range(self.iterations):
            ahead = spectrum - _MOMENTUM / (1 + _MOMENTUM) * previous
            previous = spectrum
            spectrum = self._consistent(magnitude * ahead / (ahead.abs() + 1e-16))
        return spectrum

    def _initial_phase(self, num_frames: int) -> Tensor:
        """Phases that the iterations start from, as complex numbers ``(n_fft // 2 + 1, L)`` of magnitude 1."""
        if self.initial_phase == "zero":
            return torch.ones(self.n_fft // 2 + 1, num_frames, dtype=torch.complex64, device=self._noise.device)
        length = (num_frames - 1) * self.hop_length
        noise = self._noise.repeat(1 + length // len(self._noise))[:length]
        spectrum = torch.stft(noise, self.n_fft, self.hop_length, window=self._window, return_complex=True)
        return spectrum / (spectrum.abs() + 1e-16)

    def _consistent(self, spectrum: Tensor) -> Tensor:
        """Turn ``spectrum`` ``(B, n_fft // 2 + 1, L)`` into a waveform, up to the last frame's centre, and back."""
        n_fft, hop, window = self.n_fft, self.hop_length, self._window
        length = (spectrum.shape[-1] - 1) * hop
        waveform = torch.istft(spectrum, n_fft, hop, window=window, length=length)
        return torch.stft(waveform, n_fft, hop, window=window, return_complex=True)

    def synthesize(self, magnitude: Tensor, phase: Tensor) -> Tensor:
        """Waveforms ``(B, L * hop_length)`` of magnitudes and phases in radians, both ``(B, n_fft // 2 + 1, L)``."""
        spectrum = torch.polar(magnitude, phase)
        length = spectrum.shape[-1] * self.hop_length
        return torch.istft(spectrum, self.n_fft, self.hop_length, window=self._window, length=length)


class _ConvNeXtBlock(nn.Module):
    """A block of ConvNeXt (Liu et al. 2022): depth-wise convolution over time, layer norm, two linear layers, scale."""

    def __init__(self, width: int, hidden: int, scale: float) -> None:
        super().__init__()
        self.depthwise = nn.Conv1d(width, width, 7, padding=3, groups=width)
        self.norm = nn.LayerNorm(width)
        self.expand, self.contract = nn.Linear(width, hidden), nn.Linear(hidden, width)
        self.scale = nn.Parameter(torch.full((width,), scale))

    def forward(self, x: Tensor) -> Tensor:
        """``(B, L, C)`` to the same."""
        y = self.norm(self.depthwise(x.transpose(1, 2)).transpose(1, 2))
        return x + self.scale * self.contract(F.gelu(self.expand(y)))


def mel_inverses(front_end: LogMel) -> tuple[Tensor, Tensor]:
    """Two matrices ``(n_fft // 2 + 1, F)`` that turn Mel magnitudes into linear ones.

    The first is the filter bank's pseudo-inverse: it gives the right Mel but may fall below zero between bands. The
    second is an envelope, linear between the bands' centres and constant outside them, which never does.
    """
    filters = front_end.filter_bank.double().cpu().numpy()  # (bins, F)
    area = filters.sum(axis=0)
    frequencies = np.linspace(0.0, front_end.sample_rate / 2, len(filters))
    centres = frequencies @ filters / area
    envelope = np.stack([np.interp(frequencies, centres, band) for band in np.eye(len(area))], axis=1) / area
    return torch.from_numpy(np.linalg.pinv(filters).T.copy()).float(), torch.from_numpy(envelope).float()
