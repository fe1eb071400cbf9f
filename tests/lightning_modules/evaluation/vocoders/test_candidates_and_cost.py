"""Which vocoders are compared, in which order, and what each costs."""

import pytest
import torch

from lightning_modules import neural_vocoders
from lightning_modules.audio import GriffinLim, LogMel
from lightning_modules.checkpoints.vocoders import NeuralVocoder
from lightning_modules.errors import InputError
from lightning_modules.evaluation.vocoders import candidates
from lightning_modules.evaluation.vocoders.candidates import load_candidates
from lightning_modules.evaluation.vocoders.cost import count_fft_gmacs, time_in_turn
from lightning_modules.networks import HiFiGANGenerator

SMALL = {"width": 16, "factors": (16, 16), "upsampling_kernels": (32, 32), "kernels": (3,), "dilations": (1,)}


@pytest.fixture(autouse=True)
def nothing_to_fetch(monkeypatch, tmp_path):
    def fetch(url, target, sha256, otherwise):
        raise InputError("cannot download it: no network here")

    monkeypatch.setattr(neural_vocoders, "fetch_cached", fetch)
    monkeypatch.setattr(candidates, "HiFiGANGenerator", lambda front_end: HiFiGANGenerator(front_end, **SMALL))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def test_order_names_and_one_front_end(vocoder):
    words = ["hifigan", "griffin-lim-7", f"ours={vocoder}", "fast=griffin-lim-2"]
    found = load_candidates(words)
    assert [candidate.name for candidate in found] == ["HiFi-GAN", "Griffin-Lim 7", "ours", "fast"]
    assert [bool(candidate.reason) for candidate in found] == [True, False, False, False]
    assert "no network here" in found[0].reason
    assert isinstance(found[2].vocoder, NeuralVocoder) and found[3].vocoder.num_iterations == 2
    assert all(candidate.vocoder.front_end is found[2].vocoder.front_end for candidate in found)
    assert all(not candidate.vocoder.training for candidate in found)
    assert load_candidates([str(vocoder)])[0].name == str(vocoder)
    assert found[0].vocoder(torch.zeros(1, 1, 80, 64)).shape == (1, 16000), "random weights can be timed"


def test_a_shipped_vocoder_goes_by_its_name():
    (found,) = load_candidates(["light-vocoder"])
    assert found.name == "light-vocoder" and isinstance(found.vocoder, NeuralVocoder) and not found.reason
    with pytest.raises(InputError, match=r"a model's name \(light-vocoder\), got 'arabic-digits'"):
        load_candidates(["arabic-digits"])


def test_weights_of_another_front_end_are_a_reason_or_a_refusal(vocoder):
    other = LogMel(f_max=7000.0)
    with pytest.raises(InputError, match="f_max"):
        load_candidates([str(vocoder)], other)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["griffinlim"], "griffin-lim-NUMBER, hifigan.*light-vocoder.*got 'griffinlim'"),
        (["griffin-lim-0"], "got 'griffin-lim-0'"),
        (["runs/step=9.ckpt"], "got 'runs/step=9.ckpt'"),
        (["hifigan:missing.ckpt"], "no.*file of weights|file of weights at 'missing.ckpt'"),
        (["griffin-lim-2", "griffin-lim-2"], "'Griffin-Lim 2' twice"),
        ([], "got none"),
    ],
)
def test_refused(words, expected):
    with pytest.raises(InputError, match=expected):
        load_candidates(words)


def test_a_local_copy_of_hifigan_has_the_published_checksum(tmp_path):
    (tmp_path / "generator.ckpt").write_bytes(b"something else")
    (found,) = load_candidates([f"hifigan:{tmp_path / 'generator.ckpt'}"])
    assert "with SHA-256 2d92a97446467ae5" in found.reason


@pytest.mark.parametrize("iterations", [1, 5])
def test_transforms_of_griffin_lim(iterations):
    """A forward and an inverse transform per iteration, and a last inverse: 63 frames of 1024 points each."""
    found = count_fft_gmacs(GriffinLim(num_iterations=iterations), torch.zeros(1, 1, 80, 64))
    assert found == pytest.approx((2 * iterations + 1) * 63 * 1.25 * 1024 * 10 / 1e9)


def test_turns():
    """Each takes an input before any takes the next; the first call of each does not count."""
    calls, now = [], iter(range(100))
    functions = {name: lambda x, name=name: calls.append((name, int(x))) for name in "ab"}
    threads = torch.get_num_threads()
    seconds = time_in_turn(functions, [torch.tensor(1), torch.tensor(2)], lambda: next(now))
    assert calls == [("a", 1), ("b", 1), ("a", 1), ("b", 1), ("a", 2), ("b", 2)]
    assert seconds == {"a": [1, 1], "b": [1, 1]} and torch.get_num_threads() == threads
