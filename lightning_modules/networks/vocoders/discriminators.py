"""Discriminators for the adversarial training of vocoders, and the losses of both sides."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.parametrizations import weight_norm

from lightning_modules.audio.stft_losses import power_spectrum
from lightning_modules.ranges import SIZE, check_ranges

_SLOPE = 0.1


class Discriminator(nn.Module):
    """A stack of convolutions: each output is a feature map, and the last one is the verdict.

    ``widths`` and ``strides`` along the first axis are those of the layers before the last.
    """

    def __init__(
        self, widths: Sequence[int], strides: Sequence[int], kernel: tuple[int, int], last_kernel: tuple[int, int]
    ) -> None:
        super().__init__()
        steps = zip([1, *widths], [*widths, 1], [*strides, 1], [kernel] * len(widths) + [last_kernel], strict=True)
        self.layers = nn.ModuleList(
            weight_norm(nn.Conv2d(width, next_width, (h, w), (stride, 1), (h // 2, w // 2)))
            for width, next_width, stride, (h, w) in steps
        )

    def image(self, waveform: Tensor) -> Tensor:
        """Two-dimensional view ``(B, C, H, W)`` of ``waveform`` ``(B, N)`` that the convolutions read."""
        raise NotImplementedError

    def forward(self, waveform: Tensor) -> list[Tensor]:
        """Feature maps of ``waveform`` ``(B, N)``; the last one is the verdict, high for recordings."""
        features = [self.image(waveform)]
        for layer in self.layers[:-1]:
            features.append(F.leaky_relu(layer(features[-1]), _SLOPE))
        return [*features[1:], self.layers[-1](features[-1])]


class PeriodDiscriminator(Discriminator):
    """Sees every ``period``-th sample side by side (Kong et al. 2020, arXiv:2010.05646, Section 2.3).

    All layers of ``widths`` channels but the last shorten time by three.
    """

    def __init__(self, period: int, widths: Sequence[int]) -> None:
        super().__init__(widths, [3] * (len(widths) - 1) + [1], (5, 1), (3, 1))
        self.period = period

    def image(self, waveform: Tensor) -> Tensor:
        padded = F.pad(waveform.unsqueeze(1), (0, -waveform.shape[-1] % self.period), mode="reflect")
        return padded.reshape(len(waveform), 1, -1, self.period)


class ResolutionDiscriminator(Discriminator):
    """Sees the magnitudes of one STFT (Jang et al. 2021, "UnivNet", arXiv:2106.07889, Section 2.2).

    Windows have ``n_fft`` samples. All layers of ``widths`` channels but the first and the last halve the frequencies.
    """

    _window: Tensor

    def __init__(self, n_fft: int, widths: Sequence[int]) -> None:
        super().__init__(widths, [1] + [2] * (len(widths) - 2) + [1], (5, 3), (3, 3))
        self.register_buffer("_window", torch.hann_window(n_fft), persistent=False)

    def image(self, waveform: Tensor) -> Tensor:
        with torch.autocast(waveform.device.type, enabled=False):
            # Compressed like hearing; epsilon keeps the root's gradient finite in digital silence.
            return (power_spectrum(waveform.float(), self._window) + 1e-6).pow(0.25).unsqueeze(1)


class Discriminators(nn.Module):
    """Multi-period and multi-resolution discriminators side by side.

    Args:
        periods: rows of the period discriminators, in samples; prime, so that they see different things.
        fft_sizes: FFT lengths of the resolution discriminators, in samples.
        period_widths: channels of each period discriminator; HiFi-GAN's by default.
        resolution_widths: channels of each resolution discriminator.
    """

    def __init__(
        self,
        periods: Sequence[int] = (2, 3, 5, 7, 11),
        fft_sizes: Sequence[int] = (512, 1024, 2048),
        period_widths: Sequence[int] = (32, 128, 512, 1024, 1024),
        resolution_widths: Sequence[int] = (32, 32, 32, 32),
    ) -> None:
        check_ranges(periods=(list(periods), SIZE), fft_sizes=(list(fft_sizes), "[4, 1048576]"))
        check_ranges(period_widths=(list(period_widths), SIZE), resolution_widths=(list(resolution_widths), SIZE))
        super().__init__()
        critics: list[Discriminator] = [PeriodDiscriminator(period, period_widths) for period in periods]
        critics += [ResolutionDiscriminator(n_fft, resolution_widths) for n_fft in fft_sizes]
        self.critics = nn.ModuleList(critics)

    def forward(self, waveform: Tensor) -> list[list[Tensor]]:
        """Feature maps of ``waveform`` ``(B, N)`` by discriminator; the last of each is the verdict."""
        return [critic(waveform) for critic in self.critics]


def discriminator_loss(real: list[list[Tensor]], fake: list[list[Tensor]]) -> Tensor:
    """Hinge loss, mean over discriminators: it wants verdicts above 1 on recordings and below -1 on synthesis."""
    losses = [F.relu(1.0 - r[-1]).mean() + F.relu(1.0 + f[-1]).mean() for r, f in zip(real, fake, strict=True)]
    return torch.stack(losses).mean()


def synthesiser_loss(fake: list[list[Tensor]]) -> Tensor:
    """Loss of the synthesiser: minus the mean verdict on its waveforms, mean over discriminators."""
    return -torch.stack([f[-1].mean() for f in fake]).mean()


def feature_loss(real: list[list[Tensor]], fake: list[list[Tensor]]) -> Tensor:
    """Mean absolute difference of the discriminators' feature maps, the verdicts left out (Kong et al. 2020, Eq. 5).

    The features of recordings get no gradient.
    """
    losses = [
        F.l1_loss(b, a.detach()) for r, f in zip(real, fake, strict=True) for a, b in zip(r[:-1], f[:-1], strict=True)
    ]
    return torch.stack(losses).mean()
