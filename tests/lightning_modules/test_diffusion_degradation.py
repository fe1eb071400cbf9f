"""A vocoder's training Mels with a generator's traces."""

import shutil

import pytest
import tiny
import torch
from torch import Tensor

from lightning_modules import DiffusionDegradation, InputError, load_generator
from lightning_modules.audio import LogMel
from lightning_modules.checkpoints.reading import load_module, read_checkpoint
from lightning_modules.diffusion_degradation import regenerate


@pytest.fixture
def log_mel() -> Tensor:
    fe, times = LogMel(), torch.arange(16000) / 16000
    pitches = torch.tensor([120.0, 180.0, 240.0, 300.0])[:, None]
    tones = sum(torch.sin(2 * torch.pi * k * pitches * times) / k for k in range(1, 12))
    return fe.to_log_mel(fe(0.2 * tones * torch.sin(torch.pi * times)))


def test_distance_grows_with_the_noise(score_subnet, log_mel):
    generator = load_generator(score_subnet)
    before = log_mel.clone()
    torch.manual_seed(0)
    errors = [(regenerate(generator, log_mel, level) - log_mel).abs().mean() for level in (0.011, 0.1, 0.5, 3.0)]
    assert errors[0] < 0.1 and errors == sorted(errors)
    assert torch.equal(log_mel, before)


def test_a_shipped_generator_keeps_speech_in_place(log_mel):
    """Much nearer to the clip that it began with than to the others."""
    torch.manual_seed(0)
    drawn = regenerate(load_generator("english-digits"), log_mel, 0.25)
    distances = (drawn[:, None] - log_mel[None]).abs().mean(dim=(2, 3))
    assert distances.argmin(dim=1).tolist() == [0, 1, 2, 3]
    assert drawn.shape == log_mel.shape and drawn.isfinite().all() and not drawn.requires_grad


def test_only_chosen_clips_change(unet, log_mel):
    torch.manual_seed(0)
    mels = log_mel.repeat(16, 1, 1)
    degradation = DiffusionDegradation([str(unet)], generated=0.5, share=0.0, num_steps=1)
    assert torch.equal(degradation(mels), mels), "nothing is read before training starts"
    degradation.prepare(LogMel())
    changed = (degradation(mels) != mels).flatten(1).any(dim=1)
    assert 16 < int(changed.sum()) < 48
    degradation.generated = 0.0
    assert torch.equal(degradation(mels), mels)
    torch.manual_seed(3)
    first = DiffusionDegradation.forward(degradation, mels)
    torch.manual_seed(3)
    assert torch.equal(first, degradation(mels))


def test_a_vocoder_so_trained_needs_no_generator_afterwards(configs, score_subnet, tmp_path):
    shutil.copy(score_subnet, tmp_path / "generator.ckpt")
    degradation = f"--model.init_args.degradation.init_args.generators=[{tmp_path / 'generator.ckpt'}]"
    kind = "--model.init_args.degradation=lightning_modules.DiffusionDegradation"
    path = tiny.fit(configs, "vocoder", tmp_path, kind, degradation, "--trainer.max_steps=2")
    (tmp_path / "generator.ckpt").unlink()
    assert not [name for name in read_checkpoint(path)["state_dict"] if name.startswith("degradation")]
    assert load_module(path)(torch.zeros(1, 80, 63)).shape == (1, 16000)


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"generators": []}, "at least one generator"),
        ({"generators": ["arabic-digits"], "low": 0.6}, "0 < low <= high"),
        ({"generators": ["arabic-digits"], "generated": 1.5}, r"generated in \[0, 1\]"),
        ({"generators": ["arabic-digits"], "num_steps": 0}, "num_steps must be at least 1"),
    ],
)
def test_settings_are_checked(settings, expected):
    with pytest.raises(ValueError, match=expected):
        DiffusionDegradation(**settings)


def test_generators_are_checked_before_training(evaluator):
    with pytest.raises(InputError, match="f_max"):
        DiffusionDegradation(["arabic-digits"]).prepare(LogMel(f_max=7000.0))
    with pytest.raises(InputError, match="expected the checkpoint of a Score Subnet or a U-Net"):
        DiffusionDegradation([str(evaluator)]).prepare(LogMel())
    with pytest.raises(InputError, match="no model 'arabic'.*arabic-digits"):
        DiffusionDegradation(["arabic"]).prepare(LogMel())
