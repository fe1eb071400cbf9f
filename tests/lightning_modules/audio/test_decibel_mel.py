"""The evaluator's front end against librosa."""

import librosa
import numpy as np
import torch
from torch.testing import assert_close

from lightning_modules.audio import DecibelMel


def test_is_librosas(vowels, noise):
    waveforms = torch.cat([vowels, noise, noise * torch.linspace(0, 1, 16000) ** 4])
    decibels = DecibelMel()(waveforms)
    assert decibels.shape == (6, 1, 32, 32)
    assert decibels.amin() == -80 and (decibels.amax(dim=(1, 2, 3)) == 0).all()
    for waveform, found in zip(waveforms, decibels.squeeze(1), strict=True):
        power = librosa.feature.melspectrogram(
            y=waveform.numpy(), sr=16000, n_fft=2048, hop_length=512, n_mels=32, fmax=8000, pad_mode="constant"
        )
        assert np.abs(found.numpy() - librosa.power_to_db(power, ref=np.max, top_db=80)).max() < 0.02


def test_loudness_does_not_matter(vowels):
    transform = DecibelMel()
    assert_close(transform(0.1 * vowels), transform(vowels), rtol=0, atol=0.02)


def test_silence_is_finite():
    assert (DecibelMel()(torch.zeros(1, 16000)) == 0).all()


def test_nothing_is_stored():
    assert DecibelMel().state_dict() == {}
