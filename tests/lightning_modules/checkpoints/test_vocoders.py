"""Vocoders with weights: where they come from, what is refused, and what comes out."""

import pytest
import torch
from torch.testing import assert_close

from datamodules import download
from datamodules.download import sha256_of
from lightning_modules import neural_vocoders
from lightning_modules.audio import GriffinLim, LogMel
from lightning_modules.checkpoints.vocoders import HiFiGAN, NeuralVocoder, default_vocoder
from lightning_modules.errors import InputError, NonFiniteError
from lightning_modules.networks import HiFiGANGenerator
from lightning_modules.networks.vocoders.hifigan import published_names

SMALL = {"width": 16, "factors": (16, 16), "upsampling_kernels": (32, 32), "kernels": (3,), "dilations": (1,)}


@pytest.fixture(autouse=True)
def small_generator(monkeypatch, tmp_path):
    """A generator of 30 k parameters in place of the published one, and an empty cache folder."""
    monkeypatch.setattr(
        neural_vocoders, "HiFiGANGenerator", lambda front_end=None: HiFiGANGenerator(front_end, **SMALL)
    )
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture
def published(tmp_path):
    """File of random weights in the published layout."""
    torch.manual_seed(0)
    generator, state = HiFiGANGenerator(None, **SMALL), {}
    weights = generator.state_dict()
    for ours, theirs in published_names(generator).items():
        direction = weights[f"{ours}.weight"]
        state[f"{theirs}.weight_v"] = 3.0 * direction
        state[f"{theirs}.weight_g"] = direction.square().sum((1, 2), keepdim=True).sqrt()
        state[f"{theirs}.bias"] = weights[f"{ours}.bias"]
    path = tmp_path / "generator.ckpt"
    torch.save(state, path)
    return path, generator.eval()


@pytest.fixture
def x_0():
    return LogMel()(0.1 * torch.randn(2, 16000, generator=torch.Generator().manual_seed(0)))


def test_a_local_file(published, x_0):
    path, generator = published
    vocoder = HiFiGAN(source=str(path), sha256=sha256_of(path))
    waveform = vocoder(x_0)
    assert waveform.shape == (2, 16000)
    with torch.no_grad():
        expected = generator(LogMel().to_log_mel(x_0))
    assert expected.shape == (2, 16128)
    assert_close(waveform, expected[:, :16000], rtol=1e-4, atol=1e-6)
    assert not any(p.requires_grad for p in vocoder.parameters())


@pytest.mark.parametrize("num_frames", [63, 64])
def test_lengths(published, num_frames):
    """63 or 64 frames in, 16,000 samples out."""
    vocoder = HiFiGAN(LogMel(num_frames=num_frames), str(published[0]), None)
    assert vocoder(torch.zeros(1, 1, 80, num_frames)).shape == (1, 16000)


def test_nothing_is_fetched_before_it_is_needed(published, x_0, monkeypatch):
    path, _ = published
    fetched = []

    def fetch(url, target, sha256, otherwise):
        fetched.append(url)
        target.write_bytes(path.read_bytes())

    monkeypatch.setattr(download, "fetch", fetch)
    vocoder = HiFiGAN(source="somebody/vocoder", sha256=sha256_of(path))
    assert not fetched
    vocoder.prepare()
    assert fetched == ["https://huggingface.co/somebody/vocoder/resolve/main/generator.ckpt"]
    vocoder(x_0)
    HiFiGAN(source="somebody/vocoder", sha256=sha256_of(path)).prepare()
    assert len(fetched) == 1, "kept in the cache folder"
    cached = next((path.parent / "cache").rglob("*.ckpt"))
    cached.write_bytes(cached.read_bytes()[:-10])
    HiFiGAN(source="somebody/vocoder", sha256=sha256_of(path)).prepare()
    assert len(fetched) == 2, "a damaged copy is not taken for a whole one"


def test_altered_file_is_refused_before_it_is_read(published, monkeypatch):
    path, _ = published
    expected = sha256_of(path)
    path.write_bytes(path.read_bytes()[:-100])
    monkeypatch.setattr(torch, "load", lambda *args, **kwargs: pytest.fail("read before it was checked"))
    with pytest.raises(InputError, match=f"with SHA-256 {expected}, got"):
        HiFiGAN(source=str(path), sha256=expected).prepare()


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"no weights", "it holds no weights"),
        (b"junk\n", "it holds no weights"),
        ({"weight": 1.0}, "expected tensors by name"),
        ({"conv_pre.conv.weight": torch.zeros(16, 80, 7)}, "'conv_pre.conv.bias' is missing"),
    ],
)
def test_file_of_something_else(content, expected, tmp_path):
    path = tmp_path / "other.ckpt"
    path.write_bytes(content) if isinstance(content, bytes) else torch.save(content, path)
    with pytest.raises(InputError, match=expected):
        HiFiGAN(source=str(path), sha256=None).prepare()


@pytest.mark.parametrize("source", ["missing.ckpt", "runs/missing.ckpt", "a/b/c"])
def test_missing_source(source):  # names the file, and no checksum that nobody gave
    with pytest.raises(InputError, match="expected source a file, or owner/model"):
        HiFiGAN(source=source)


@pytest.mark.parametrize("sha256", [{}, {"sha256": None}], ids=["the published", "none"])
def test_another_model_needs_its_own_checksum(sha256):
    with pytest.raises(InputError, match="expected the SHA-256 of generator.ckpt of 'somebody/vocoder'"):
        HiFiGAN(source="somebody/vocoder", **sha256)


def test_checksum_of_the_published_model_can_be_replaced():
    """Should the hub's file change, the new sum can be given."""
    assert HiFiGAN(sha256="0" * 64).sha256 == "0" * 64


@pytest.mark.parametrize(
    ("settings", "named"),
    [({"f_max": 7600.0}, "f_max: 8000.0 against 7600.0"), ({"hop_length": 200, "num_frames": 88}, "hop_length")],
)
def test_another_mel_is_refused(settings, named):
    with pytest.raises(InputError, match=named):
        HiFiGAN(LogMel(**settings))


def test_scaling_is_free(published):
    HiFiGAN(LogMel(log_max=3.0, num_frames=63), str(published[0]), None).prepare()


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_not_finite_is_refused(published, value):
    vocoder = HiFiGAN(source=str(published[0]), sha256=None)
    with pytest.raises(NonFiniteError, match="NaN or infinity"):
        vocoder(torch.full((1, 1, 80, 64), value))


@pytest.mark.parametrize("kind", ["griffin_lim", "hifigan", "own"])
def test_a_bad_mel_is_refused_by_every_vocoder(kind, vocoder, monkeypatch):
    """Before weights are fetched, and whatever the class does afterwards."""
    monkeypatch.setattr(neural_vocoders, "fetch_cached", lambda *args: pytest.fail("fetched for a bad Mel"))
    make = {"griffin_lim": GriffinLim, "hifigan": HiFiGAN, "own": lambda: NeuralVocoder(str(vocoder))}
    speak = make[kind]()
    for value in (float("nan"), float("inf"), -float("inf")):
        x_0 = torch.zeros(2, 1, 80, 64)
        x_0[1, 0, 79, 63] = value
        with pytest.raises(NonFiniteError, match="NaN or infinity"):
            speak(x_0)
    for shape in ((1, 80, 64), (1, 1, 80, 63), (1, 1, 64, 80), (1, 2, 80, 64), (80, 64)):
        with pytest.raises(ValueError, match=r"expected log-Mels \(B, 1, 80, 64\), got"):
            speak(torch.zeros(shape))


def test_own_checkpoint(vocoder, x_0):
    own = NeuralVocoder(str(vocoder))
    waveform = own(x_0)
    assert waveform.shape == (2, 16000) and waveform.abs().max() <= 1
    with torch.no_grad():
        assert_close(waveform, own.network(LogMel().to_log_mel(x_0))[:, :16000].clamp(-1, 1))
    assert own.front_end is own.network.front_end, "one object"


def test_own_checkpoint_with_another_mel(vocoder):
    with pytest.raises(InputError, match=r"f_max: 8000.0 against 7000"):
        NeuralVocoder(str(vocoder), LogMel(f_max=7000.0))


def test_checkpoint_of_something_else(evaluator):
    with pytest.raises(InputError, match="is one of EvaluatorModule: give another"):
        NeuralVocoder(str(evaluator))


def test_predict_speaks_through_it(vocoder, unet, scoretap, tmp_path):
    out = tmp_path / "samples"
    settings = ["--sampling.num_steps=2", "--sampling.sampler=DDIM", f"--sample_writer.folder={out}"]
    chosen = ["--vocoder=NeuralVocoder", f"--vocoder.init_args.checkpoint={vocoder}"]
    status, err = scoretap("predict", "--ckpt_path", unet, *settings, *chosen, "--trainer.accelerator=cpu")
    assert status == 0, err
    assert len(list(out.glob("*.wav"))) == 10
    status, err = scoretap(
        "predict", "--ckpt_path", unet, *settings, chosen[0], "--vocoder.init_args.checkpoint=no.ckpt"
    )
    assert status == 2 and "no checkpoint at 'no.ckpt'" in err and err.count("\n") == 1


def test_default_is_the_shipped_vocoder_of_the_front_end(monkeypatch, tmp_path):
    from lightning_modules.pretrained import catalogue

    (tmp_path / "light-vocoder").mkdir()  # what lies where one stands is not meant
    monkeypatch.chdir(tmp_path)
    assert isinstance(default_vocoder(LogMel()), NeuralVocoder)
    other = default_vocoder(LogMel(f_max=7000.0))
    assert isinstance(other, GriffinLim) and other.front_end.settings["f_max"] == 7000.0
    monkeypatch.setattr(catalogue, "FOLDER", tmp_path)
    assert isinstance(default_vocoder(LogMel()), GriffinLim), "none is shipped"
