"""Whistles in pauses are found whatever speech lies between them, and noise has none."""

import math

import pytest
import torch

from lightning_modules.evaluation.vocoders.whistle import whistle_db


@pytest.fixture
def clips():
    """Half a second of loud noise between quiet ones."""
    level = torch.full((16000,), 0.001)
    level[4000:12000] = 0.3
    return level * torch.randn(200, 16000, generator=torch.Generator().manual_seed(0))


def tone(frequency, level):
    return level * torch.sin(2 * math.pi * frequency / 16000 * torch.arange(16000))


def test_noise_has_none(clips):
    assert whistle_db(clips) < 1.0
    coloured = torch.nn.functional.conv1d(clips[:, None], torch.tensor([[[1.0, 0.9]]]))[:, 0]
    assert whistle_db(coloured) < 1.5, "a slope is no whistle"


@pytest.mark.parametrize("frequency", [1000, 5000])
def test_faint_tone_in_pauses(clips, frequency):
    """Tone and noise add up in a bin: a sine of amplitude a has (256 a)^2, noise of deviation s 384 s^2."""
    level = 3e-4
    expected = 10 * math.log10(1 + (256 * level) ** 2 / (384 * 0.001**2))
    assert whistle_db(clips + tone(frequency, level)) == pytest.approx(expected, abs=0.7)


def test_tone_in_speech_alone_is_none(clips):
    spoken = torch.zeros(16000)
    spoken[5000:11000] = 1.0
    assert whistle_db(clips + spoken * tone(1000, 0.1)) < 1.0


def test_tone_of_one_clip_among_many_is_none(clips):
    clips[0] += tone(1000, 0.01)
    assert whistle_db(clips) < 1.0


def test_silence():
    assert whistle_db(torch.zeros(2, 16000)) == 0.0


@pytest.mark.parametrize("shape", [(0, 16000), (2, 1000)])
def test_nothing_to_measure(shape):
    with pytest.raises(ValueError, match="expected clips of at least 1024 samples"):
        whistle_db(torch.zeros(shape))
