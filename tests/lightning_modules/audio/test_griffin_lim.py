"""Griffin-Lim: what comes out has the Mel that went in."""

import pytest
import torch
from torch.testing import assert_close

from lightning_modules.audio import GriffinLim, LogMel
from lightning_modules.errors import NonFiniteError


@pytest.fixture(scope="module")
def front_end():
    return LogMel()


@pytest.fixture(scope="module")
def vocoder(front_end):
    return GriffinLim(front_end)


def test_resynthesised_mel_is_close(front_end, vocoder, vowels):
    x_0 = front_end(vowels)
    waveform = vocoder(x_0)
    assert waveform.shape == (2, 16000) and waveform.dtype == torch.float32
    assert waveform.abs().max() <= 1
    again, heard = front_end(waveform), x_0 > -0.6
    assert (again - x_0)[heard].abs().mean() < 0.07  # 0.47 nats, or 4 dB
    assert torch.corrcoef(torch.stack([again.flatten(), x_0.flatten()]))[0, 1] > 0.95
    assert (again.mean(dim=(1, 2, 3)) - x_0.mean(dim=(1, 2, 3))).abs().max() < 0.1  # loudness


def test_iterations_help(front_end, vowels):
    x_0 = front_end(vowels)
    errors = [(front_end(GriffinLim(front_end, n)(x_0)) - x_0).abs().mean() for n in (1, 60)]
    assert errors[1] < 0.9 * errors[0]


def test_a_clip_depends_on_its_mel_only(front_end, vocoder, vowels):
    x_0 = front_end(vowels)
    both = vocoder(x_0)
    torch.manual_seed(5)
    assert torch.equal(vocoder(x_0), both)
    assert_close(vocoder(x_0[1:]), both[1:], rtol=0, atol=1e-5)


def test_silence_stays_silent(vocoder):
    waveform = vocoder(torch.full((1, 1, 80, 64), -1.0))
    assert waveform.isfinite().all() and waveform.abs().max() < 1e-3


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_not_finite_is_refused(vocoder, value):
    x_0 = torch.zeros(1, 1, 80, 64)
    x_0[0, 0, 3, 5] = value
    with pytest.raises(NonFiniteError, match="NaN or infinity"):
        vocoder(x_0)


@pytest.mark.parametrize("shape", [(1, 80, 64), (1, 1, 80, 63), (1, 1, 64, 80)])
def test_wrong_shape_is_refused(vocoder, shape):
    with pytest.raises(ValueError, match=r"expected log-Mels \(B, 1, 80, 64\), got"):
        vocoder(torch.zeros(shape))


def test_other_lengths():
    front_end = LogMel(8000, 8100, n_fft=512, hop_length=128, f_max=4000.0, n_mels=40)
    assert GriffinLim(front_end, 2)(torch.zeros(1, 1, 40, 64)).shape == (1, 8100)


def test_nothing_is_stored(vocoder):
    assert vocoder.state_dict() == {}
