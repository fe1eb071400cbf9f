"""Draws spectrograms of the same clips through each vocoder; a metallic sound shows as smeared harmonics."""

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from datamodules.new_files import new_file

HIGHEST = 8000  # Hz
RANGE = 70.0  # decibels below the loudest point of a row
_WINDOW, _HOP = 0.032, 0.004  # seconds: the harmonics of a voice above 60 Hz are resolved


def decibels(waveform: Tensor, sample_rate: int) -> Tensor:
    """Compute magnitudes ``(bins, frames)`` of ``waveform`` ``(N,)``, dB, on a linear axis up to :data:`HIGHEST`."""
    n_fft, hop = round(_WINDOW * sample_rate), round(_HOP * sample_rate)
    spectrum = torch.stft(waveform, n_fft, hop, window=torch.hann_window(n_fft), return_complex=True)
    bins = 1 + HIGHEST * n_fft // sample_rate
    return 20.0 * spectrum[:bins].abs().clamp(min=1e-5).log10()


def save_spectrograms(
    path: Path, rows: Sequence[tuple[str, Sequence[Tensor | None]]], columns: Sequence[str], sample_rate: int
) -> None:
    """Draw a grid of spectrograms as PNG, with one colour scale per row.

    A row is its label and a waveform ``(N,)`` for each column, or None; ``columns`` are the labels of columns.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(0.8 + 3.0 * len(columns), 0.4 + 2.6 * len(rows)), dpi=110, layout="constrained")
    axes = figure.subplots(len(rows), len(columns), squeeze=False)
    for line, (label, waveforms) in zip(axes, rows, strict=True):
        images = [None if waveform is None else decibels(waveform, sample_rate) for waveform in waveforms]
        loudest = max(float(image.max()) for image in images if image is not None)
        for axis, image, waveform in zip(line, images, waveforms, strict=True):
            if image is None or waveform is None:
                axis.set_axis_off()
                continue
            extent = (0.0, len(waveform) / sample_rate, 0.0, min(HIGHEST, sample_rate / 2) / 1000)
            axis.imshow(image.numpy(), origin="lower", aspect="auto", extent=extent, vmin=loudest - RANGE, vmax=loudest)
        shown = next(axis for axis, image in zip(line, images, strict=True) if image is not None)
        shown.set_ylabel(f"{label}\nkHz", fontsize=9)
    for axis, label in zip(axes[0], columns, strict=True):
        axis.set_title(label, fontsize=9)
    for axis in axes[-1]:
        axis.set_xlabel("seconds", fontsize=8)
    with new_file(path) as temporary:
        figure.savefig(temporary, format="png")
