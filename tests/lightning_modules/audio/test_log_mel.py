"""The front end against librosa, and its scaling."""

import math

import librosa
import numpy as np
import pytest
import torch
from torch.testing import assert_close

from lightning_modules.audio import LogMel, Waveform


@pytest.fixture(scope="module")
def front_end():
    return LogMel()


@pytest.fixture(scope="module")
def filters():
    return librosa.filters.mel(sr=16000, n_fft=1024, n_mels=80, fmin=0, fmax=8000, norm="slaney", htk=False)


def test_filter_bank_is_librosas(front_end, filters):
    assert front_end.filter_bank.shape == (513, 80)
    assert np.abs(front_end.filter_bank.numpy().T - filters).max() < 1e-5 * filters.max()


@pytest.mark.parametrize("signal", ["vowels", "noise"])
def test_log_mel_is_librosas(front_end, filters, signal, request):
    waveforms = request.getfixturevalue(signal)
    for waveform, log_mel in zip(waveforms, front_end.to_log_mel(front_end(waveforms)), strict=True):
        spectrum = np.abs(librosa.stft(waveform.numpy(), n_fft=1024, hop_length=256, pad_mode="reflect"))
        expected = np.log(np.maximum(filters @ spectrum, 1e-5))
        assert log_mel.shape == expected.shape == (80, 63)
        assert np.abs(log_mel.numpy() - expected).max() < 2e-3
        assert np.abs(np.exp(log_mel.numpy()) - np.exp(expected)).max() < 1e-4 * np.exp(expected.max())


def test_shape_and_padding(front_end, noise):
    x_0 = front_end(noise)
    assert x_0.shape == (2, *front_end.shape) == (2, 1, 80, 64)
    assert x_0.dtype == torch.float32
    assert torch.equal(x_0[..., 63], x_0[..., 62])
    assert_close(front_end(noise[1:]), x_0[1:])


def test_levels(front_end, noise):
    """Twenty decibels are log(10) everywhere; a full-scale sine stays near 1."""
    loud, soft = front_end.to_log_mel(front_end(torch.stack([noise[0], noise[0] / 10])))
    assert_close(loud - soft, torch.full_like(loud, math.log(10)), rtol=0, atol=1e-3)
    for hertz in (200.0, 1000.0, 4000.0):
        sine = torch.sin(2 * math.pi * hertz * torch.arange(16000) / 16000).unsqueeze(0)
        assert 0.4 < front_end(sine).max() < 1.1


def test_silence(front_end):
    assert_close(front_end(torch.zeros(1, 16000)), torch.full((1, 1, 80, 64), -1.0))


def test_scaling_has_fixed_ends_and_an_inverse(front_end):
    assert_close(front_end.from_log_mel(torch.tensor([math.log(1e-5), 2.0])), torch.tensor([-1.0, 1.0]))
    log_mel = torch.linspace(math.log(1e-5), 2.0, 80 * 63).reshape(1, 80, 63)
    scaled = torch.nn.functional.pad(front_end.from_log_mel(log_mel), (0, 1)).unsqueeze(1)
    assert_close(front_end.to_log_mel(scaled), log_mel, rtol=0, atol=2e-6)
    below = torch.full((1, 1, 80, 64), -1.3)
    assert_close(front_end.to_log_mel(below), torch.full((1, 80, 63), math.log(1e-5)))


@pytest.mark.parametrize("shape", [(16000,), (1, 15999), (1, 1, 16000)])
def test_wrong_shape_is_refused(front_end, shape):
    with pytest.raises(ValueError, match=r"expected waveforms \(B, 16000\)"):
        front_end(torch.zeros(shape))


def test_too_few_frames_are_refused():
    with pytest.raises(ValueError, match="must hold the 63 frames"):
        LogMel(num_frames=62)


def test_settings_identify_the_front_end(front_end):
    assert front_end.differences(LogMel()) == []
    assert front_end.differences(LogMel(f_max=7600.0, hop_length=320)) == [
        "f_max: 8000.0 against 7600.0",
        "hop_length: 256 against 320",
    ]
    assert "front_end: LogMel against Waveform" in front_end.differences(Waveform())
    rebuilt = LogMel(**front_end.settings)
    assert rebuilt.settings == front_end.settings
    assert len(front_end.settings) == 10  # every argument of the constructor


def test_nothing_is_stored(front_end):
    assert front_end.state_dict() == {}


def test_waveform_front_end_keeps_the_waveform(noise):
    assert Waveform()(noise) is noise
    assert Waveform(8000, 8000).differences(Waveform()) == [
        "num_samples: 8000 against 16000",
        "sample_rate: 8000 against 16000",
    ]
