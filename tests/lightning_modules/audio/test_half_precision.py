"""All modules with a Fourier transform work under autocast and keep their precision."""

import pytest
import torch

from lightning_modules.audio import DecibelMel, GriffinLim, LogMel, SpeechAugmentation


@pytest.fixture
def waveform():
    return 0.1 * torch.randn(2, 16000, generator=torch.Generator().manual_seed(0))


def test_vocoder_and_evaluator_front_end_ignore_autocast(waveform):
    x_0, vocoder, decibels = LogMel()(waveform), GriffinLim(num_iterations=2), DecibelMel()
    expected = vocoder(x_0), decibels(waveform)
    with torch.autocast("cpu", torch.bfloat16):
        found = vocoder(x_0), decibels(waveform)
    assert all(torch.equal(a, b) for a, b in zip(expected, found, strict=True))


def test_augmentation_resynthesises_under_autocast(waveform):
    with torch.autocast("cpu", torch.bfloat16):
        augmented = SpeechAugmentation(resynthesis_share=1.0)(waveform)
    assert augmented.dtype == torch.float32 and torch.isfinite(augmented).all()
