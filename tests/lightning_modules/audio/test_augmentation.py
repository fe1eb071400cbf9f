"""Augmentation changes what it should and nothing else."""

import pytest
import torch
from torch.testing import assert_close

from lightning_modules.audio import SpeechAugmentation

OFF = {"speed": 0.0, "shift": 0.0, "gain_db": 0.0, "noise_share": 0.0, "resynthesis_share": 0.0}


@pytest.fixture(autouse=True)
def seed():
    torch.manual_seed(0)


def rms(waveform):
    return waveform.square().mean(dim=1).sqrt()


def test_draws_differ_and_the_input_is_kept(vowels):
    augment, before = SpeechAugmentation(), vowels.clone()
    first, second = augment(vowels), augment(vowels)
    assert first.shape == vowels.shape and first.isfinite().all()
    assert (first != second).any(dim=1).all()
    assert torch.equal(vowels, before)
    torch.manual_seed(0)
    assert torch.equal(augment(vowels), first)


def test_everything_off_is_a_copy(vowels):
    """Up to interpolation: positions are float32, good to about a thousandth of a sample."""
    assert_close(SpeechAugmentation(**OFF)(vowels), vowels, rtol=0, atol=5e-4)


def test_shift_moves_and_fills_with_silence():
    ramp = 1.0 + torch.arange(16000) / 16000
    shifts = []
    for clip in SpeechAugmentation(**{**OFF, "shift": 0.1})(ramp.expand(32, -1)):
        samples = 16000 * (clip - ramp)[2000:14000]  # a shifted ramp is a raised ramp
        shift = samples.mean().item()
        assert_close(samples, torch.full((12000,), shift), rtol=0, atol=0.1)
        gap = clip.flip(0) if shift > 0 else clip
        assert abs(int((gap != 0).int().argmax()) - abs(shift)) <= 1 and (clip == 0).sum() <= abs(shift)
        shifts.append(shift)
    assert -1600 <= min(shifts) < -1200 and 1200 < max(shifts) <= 1600


def test_speed_changes_the_pitch():
    sine = torch.sin(2 * torch.pi * 1000 * torch.arange(16000) / 16000).expand(16, -1)
    peaks = torch.fft.rfft(SpeechAugmentation(**{**OFF, "speed": 0.15})(sine)).abs().argmax(dim=1)
    assert (peaks >= 845).all() and (peaks <= 1155).all()
    assert peaks.min() < 950 and peaks.max() > 1050


def test_gain_changes_the_level_of_each_clip(vowels):
    clips = vowels[:1].expand(100, -1)
    decibels = 20 * (rms(SpeechAugmentation(**{**OFF, "gain_db": 6.0})(clips)) / rms(clips)).log10()
    assert -6.01 < decibels.min() < -5 and 5 < decibels.max() < 6.01


@pytest.mark.parametrize("level", [10.0, 30.0])
def test_noise_level(vowels, level):
    augment = SpeechAugmentation(**{**OFF, "noise_share": 1.0, "noise_db": (level, level)})
    added = augment(vowels) - SpeechAugmentation(**OFF)(vowels)
    assert_close(20 * (rms(vowels) / rms(added)).log10(), torch.full((2,), level), rtol=0, atol=0.2)
    assert torch.corrcoef(added)[0, 1].abs() < 0.05  # a clip's noise is its own


def test_noise_share(vowels):
    clips = vowels[:1].expand(200, -1)
    added = SpeechAugmentation(**{**OFF, "noise_share": 0.5, "noise_db": (10.0, 20.0)})(clips) - clips
    assert 70 < (rms(added) > 1e-3).sum() < 130


def test_resynthesis_share(vowels):
    clips = vowels.repeat(6, 1)
    changed = rms(SpeechAugmentation(**{**OFF, "resynthesis_share": 0.5})(clips) - clips) > 1e-3
    assert 0 < changed.sum() < 12
    assert (rms(SpeechAugmentation(**{**OFF, "resynthesis_share": 1.0})(clips) - clips) > 1e-3).all()


def test_silence_is_finite():
    assert SpeechAugmentation(resynthesis_share=1.0)(torch.zeros(2, 16000)).isfinite().all()
