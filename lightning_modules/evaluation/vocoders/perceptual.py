"""Measures PESQ and STOI of waveforms against the recordings that they should sound like, by optional packages."""

import math
import warnings
from collections.abc import Callable

import torch
from torch import Tensor

from lightning_modules.metrics import bootstrap

NOT_INSTALLED = "not installed"
RATE = 16000  # Hz: wide-band PESQ is defined at no other
SKIPPED = "_skipped"


def wide_band_pesq(waveform: Tensor, recording: Tensor, sample_rate: int) -> float:
    """Measure PESQ (ITU-T P.862.2, wide band, 1.04 to 4.64) of ``(N,)`` against ``(N,)``; NaN without speech."""
    from torchmetrics.functional.audio.pesq import perceptual_evaluation_speech_quality

    try:
        return float(perceptual_evaluation_speech_quality(waveform, recording, sample_rate, "wb"))
    except RuntimeError:  # of pesq: no utterance, or less than a quarter of a second
        return math.nan


def intelligibility(waveform: Tensor, recording: Tensor, sample_rate: int) -> float:
    """Measure STOI (Taal et al. 2011, at most 1) of ``(N,)`` against ``(N,)``; NaN below 0.4 s of speech."""
    from torchmetrics.functional.audio.stoi import short_time_objective_intelligibility

    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)  # pystoi warns of too few frames and returns 1e-5
        try:
            return float(short_time_objective_intelligibility(waveform, recording, sample_rate))
        except (RuntimeWarning, ValueError):
            return math.nan


# Each raises ModuleNotFoundError where its package is not installed.
METRICS: dict[str, Callable[[Tensor, Tensor, int], float]] = {"pesq": wide_band_pesq, "stoi": intelligibility}


def perceptual_figures(
    waveforms: Tensor, recordings: Tensor, sample_rate: int
) -> tuple[dict[str, float], dict[str, str]]:
    """Average each of :data:`METRICS` over clips, with intervals, and count clips that are silent or too short for it.

    Waveforms ``(B, N)`` were synthesised, recordings ``(B, N)`` are what they should be. Returns figures ``pesq``,
    ``pesq_low``, ``pesq_high``, ``pesq_skipped`` and the same of ``stoi``; and why one is missing, by its name.
    """
    figures: dict[str, float] = {}
    missing: dict[str, str] = {}
    for name, metric in METRICS.items():
        if sample_rate != RATE:
            missing[name] = "16 kHz only"
            continue
        pairs = zip(waveforms.cpu(), recordings.cpu(), strict=True)
        try:
            values = [metric(a, b, sample_rate) if b.any() else math.nan for a, b in pairs]
        except ModuleNotFoundError:
            missing[name] = NOT_INSTALLED
            continue
        finite = [value for value in values if math.isfinite(value)]
        figures[name + SKIPPED] = float(len(values) - len(finite))
        if finite:
            figures |= mean_figures(name, torch.tensor(finite, dtype=torch.float64))
        else:
            missing[name] = "no clip"
    return figures, missing


def mean_figures(name: str, values: Tensor) -> dict[str, float]:
    """Average ``values`` ``(N,)`` as ``name``; from two on, ``name_low`` and ``name_high`` end its 95 % interval."""
    if len(values) < 2:
        return {name: float(values.double().mean())}
    return bootstrap(values).figures(name)
