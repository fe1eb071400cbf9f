"""Distances between waveforms' spectra, and the degradation of Mels."""

import math

import pytest
import torch
from torch.testing import assert_close

from lightning_modules.audio import LogMel, LongTermSpectrum, MelDegradation, MelDistance, MultiResolutionSTFT


def test_equal_signals_have_no_distance(vowels):
    front_end = LogMel()
    assert torch.equal(MultiResolutionSTFT()(vowels, vowels), torch.zeros(2))
    assert_close(MelDistance(front_end)(vowels, front_end.to_log_mel(front_end(vowels))), torch.zeros(2))


def test_half_the_level(noise):
    """Convergence 1/2 and log 2 at every resolution; log 2 in the Mel."""
    front_end = LogMel()
    distance = MultiResolutionSTFT(floor=1e-7)(0.5 * noise, noise)
    assert_close(distance, torch.full((2,), 0.5 + math.log(2)), rtol=0, atol=1e-3)
    mel = MelDistance(front_end)(0.5 * noise, front_end.to_log_mel(front_end(noise)))
    assert_close(mel, torch.full((2,), math.log(2)), rtol=0, atol=1e-3)


def test_phase_does_not_count_but_pitch_does(vowels):
    distance = MultiResolutionSTFT()
    assert_close(distance(-vowels, vowels), torch.zeros(2))
    assert (distance(vowels.flip(0), vowels) > 0.5).all()


def test_silence_has_a_distance_and_a_gradient(vowels):
    silence = torch.zeros_like(vowels).requires_grad_()
    distance = MultiResolutionSTFT()(silence, vowels)
    distance.sum().backward()
    assert (distance > 1).all() and silence.grad.isfinite().all()


def test_long_term_spectrum_of_half_the_level(noise):
    assert LongTermSpectrum()(noise, noise) < 2e-4
    assert_close(LongTermSpectrum(floor=1e-7)(0.5 * noise, noise), torch.tensor(math.log(2)), rtol=0, atol=1e-3)


def test_whistle_stands_out_in_the_long_term_only():
    """Against noise that is new in every clip, faint tones common to all of them."""
    random_stream = torch.Generator().manual_seed(0)
    real, other = 0.01 * torch.randn(2, 16, 16000, generator=random_stream)
    tones = torch.outer(torch.tensor([4250, 4750, 5600, 6200, 6900]), 2 * math.pi / 16000 * torch.arange(16000))
    whistling = other + 0.002 * tones.sin().sum(dim=0)
    long_term, frames = LongTermSpectrum(), MultiResolutionSTFT()
    assert long_term(whistling, real) > 1.5 * long_term(other, real)
    assert frames(whistling, real).mean() < 1.05 * frames(other, real).mean()


def test_pauses_count_as_much_as_speech():
    """Each half of the frames by itself: what is added to the quiet half is not drowned by the loud one."""
    random_stream = torch.Generator().manual_seed(0)
    level = torch.where(torch.arange(16000) < 8000, 1.0, 0.01)
    real = level * torch.randn(8, 16000, generator=random_stream)
    quiet, loud = torch.where(level < 1, 2.0, 1.0), torch.where(level < 1, 1.0, 2.0)
    distances = [LongTermSpectrum(floor=1e-6)(gain * real, real) for gain in (quiet, loud)]
    assert_close(distances[0], distances[1], rtol=0.3, atol=0)


def test_long_term_gradient_is_finite(vowels):
    waveform = vowels.clone().requires_grad_()
    LongTermSpectrum()(waveform, vowels).backward()
    assert waveform.grad.isfinite().all()


def test_degradation_share():
    torch.manual_seed(0)
    log_mel = torch.randn(200, 8, 9)
    changed = (MelDegradation(0.5)(log_mel) != log_mel).flatten(1).any(dim=1)
    assert 70 < changed.sum() < 130
    assert torch.equal(MelDegradation(0.0)(log_mel), log_mel)


def test_noise_and_blur_are_separate():
    torch.manual_seed(0)
    flat = torch.full((400, 8, 9), -3.0)
    assert_close(MelDegradation(1.0, noise=0.0)(flat), flat)
    levels = (MelDegradation(1.0, noise=0.3, blur=0.0)(flat) - flat).std(dim=(1, 2))
    assert levels.max() < 0.45 and levels.mean() == pytest.approx(0.15, rel=0.15)
    dot = torch.zeros(1, 5, 5)
    dot[0, 2, 2] = 1.0
    blurred = MelDegradation(1.0, noise=0.0, blur=0.9)(dot)
    assert_close(blurred.sum(), torch.tensor(1.0)) and (blurred == blurred.mT).all()
    assert 0.01 < blurred[0, 2, 2] < 1.0 and blurred[0, 1, 1] > 0 and blurred[0, 0, 0] == 0


@pytest.mark.parametrize("settings", [{"share": 1.1}, {"noise": -0.1}, {"blur": 1.0}])
def test_degradation_out_of_range(settings):
    with pytest.raises(ValueError, match="must be at least 0"):
        MelDegradation(**settings)
