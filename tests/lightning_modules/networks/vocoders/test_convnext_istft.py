"""The light vocoder's network: within its budget, exact where it can be."""

import pytest
import torch
from torch.testing import assert_close
from torchaudio.functional import griffinlim

from lightning_modules.audio import GriffinLim, LogMel
from lightning_modules.networks import ConvNeXtISTFT
from lightning_modules.networks.cost import count_gmacs, count_parameters
from lightning_modules.networks.vocoders.convnext_istft import mel_inverses


@pytest.fixture(params=[0, 4], ids=["phase of its own", "after Griffin-Lim"])
def network(request):
    torch.manual_seed(0)
    return ConvNeXtISTFT(width=16, hidden=24, num_blocks=2, iterations=request.param).eval()


def test_budget():
    """Less than one step of the sampler: 1.5 M parameters and 1 GMAC per second of speech."""
    network = ConvNeXtISTFT()
    assert 1.0e6 < count_parameters(network).total < 1.5e6
    assert 0.07 < count_gmacs(network, torch.zeros(1, 80, 63)) < 0.1


def test_inverse_transform_returns_the_signal(network):
    signal = 0.3 * torch.randn(2, 64 * 256, generator=torch.Generator().manual_seed(0))
    spectrum = torch.stft(signal, 1024, 256, window=torch.hann_window(1024), return_complex=True)[..., :64]
    found = network.synthesize(spectrum.abs(), spectrum.angle())
    assert found.shape == signal.shape
    whole = slice(0, 61 * 256)  # samples whose every frame is there
    assert_close(found[:, whole], signal[:, whole], rtol=0, atol=1e-5)


@pytest.mark.parametrize("frames", [5, 63, 64])
def test_every_frame_gives_a_hop(network, frames):
    waveform = network(torch.randn(2, 80, frames) - 4.0)
    assert waveform.shape == (2, 256 * frames) and waveform.dtype == torch.float32 and waveform.isfinite().all()


def test_untrained_it_is_griffin_lim():
    """Corrections start at zero: what remains is the pseudo-inverse and the iterations."""
    front_end = LogMel()
    x_0 = front_end(0.1 * torch.randn(2, 16000, generator=torch.Generator().manual_seed(0)))
    waveform = ConvNeXtISTFT(front_end, 16, 24, 2, iterations=8)(front_end.to_log_mel(x_0))[:, :16000]
    errors = [(front_end(w.detach()) - x_0).abs().mean() for w in (waveform, GriffinLim(front_end, 8)(x_0))]
    assert errors[0] < 1.3 * errors[1] + 1e-3


def test_starts_from_zero_phase_as_torchaudio_does():
    network = ConvNeXtISTFT(width=8, hidden=8, num_blocks=1, iterations=5, initial_phase="zero")
    magnitude = torch.rand(2, 513, 30)
    waveform = griffinlim(magnitude, network._window, 1024, 256, 1024, 1.0, 5, 0.99, 29 * 256, False)
    expected = torch.stft(waveform, 1024, 256, window=network._window, return_complex=True)
    assert_close(network._first_spectrum(magnitude), expected, rtol=0, atol=1e-2)


def test_background_does_not_whistle_from_the_phase_of_noise():
    """A flat, steady Mel is noise: no frequency stands out over time, as some do from phases of zero."""
    log_mel = torch.full((1, 80, 63), -6.0)
    peaks = {}
    for phase in ("zero", "noise"):
        waveform = ConvNeXtISTFT(width=8, hidden=8, num_blocks=1, initial_phase=phase)(log_mel).detach()
        power = torch.stft(waveform, 2048, window=torch.hann_window(2048), return_complex=True).abs().square().mean(2)
        around = power.unfold(1, 31, 1).median(dim=2).values
        peaks[phase] = float((power[:, 15:-15] / around).max())
    assert peaks["noise"] < 0.7 * peaks["zero"], peaks


@pytest.mark.parametrize("frames", [63, 200])
def test_phase_of_noise_is_always_the_same(frames):
    first, second = (ConvNeXtISTFT(width=8, hidden=8, num_blocks=1)._initial_phase(frames) for _ in range(2))
    assert first.shape == (513, frames) and torch.equal(first, second)
    assert_close(first.abs(), torch.ones(513, frames))


def test_loud_and_silent_mels_stay_finite(network):
    for level in (-11.512925, 3.0):
        assert network(torch.full((1, 80, 63), level)).isfinite().all()


def test_a_clip_depends_on_its_mel_only(network):
    log_mel = torch.randn(3, 80, 63) - 4.0
    assert_close(network(log_mel[1:2]), network(log_mel)[1:2], rtol=1e-3, atol=1e-4)


def test_every_parameter_learns(network):
    with torch.no_grad():
        torch.nn.init.normal_(network.head.weight, std=0.01)
    network(torch.randn(2, 80, 63) - 4.0).square().mean().backward()
    assert all(p.grad is not None and p.grad.abs().max() > 0 for p in network.parameters())


def test_mel_inverses():
    """The pseudo-inverse has the Mel that went in; the envelope of a flat spectrum is that spectrum."""
    front_end = LogMel()
    inverse, envelope = mel_inverses(front_end)
    mel = torch.rand(80)
    assert_close((inverse @ mel) @ front_end.filter_bank, mel, rtol=0, atol=1e-4)
    flat = front_end.filter_bank.sum(dim=0)  # Mel of magnitudes 1
    assert_close(envelope @ flat, torch.ones(513), rtol=0, atol=1e-4)
    assert (envelope >= 0).all()
