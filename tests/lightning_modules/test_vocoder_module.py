"""Training a vocoder: two phases, two optimisers, one count of steps."""

import math
from types import SimpleNamespace

import pytest
import tiny
import torch
from lightning.pytorch import Callback

from lightning_modules.audio import LogMel, MelDegradation, Waveform
from lightning_modules.checkpoints.reading import load_module, read_checkpoint
from lightning_modules.errors import InputError
from lightning_modules.networks import ConvNeXtISTFT
from lightning_modules.vocoder import VocoderModule


class Recorder(Callback):
    """Copies both parts after every step."""

    seen: list[tuple] = []  # noqa: RUF012

    def on_fit_start(self, trainer, pl_module):
        Recorder.seen = [parts(pl_module)]

    def on_train_batch_end(self, trainer, pl_module, *args):
        assert trainer.global_step == len(Recorder.seen), "steps are batches, however many optimisers there are"
        assert all(p.requires_grad for p in pl_module.parameters()), "nothing stays toggled off"
        Recorder.seen.append(parts(pl_module))


def parts(module):
    trained = (module.network, module.discriminators)
    return tuple({name: p.detach().clone() for name, p in part.named_parameters()} for part in trained)


@pytest.fixture(scope="module")
def run(configs, tmp_path_factory):
    """Folder and checkpoint of a run of ten steps, adversarial from the fourth."""
    folder = tmp_path_factory.mktemp("run")
    return folder, tiny.fit(configs, "vocoder", folder, "--trainer.callbacks+=test_vocoder_module.Recorder")


def changed(before, after):
    return [name for name, p in before.items() if not torch.equal(p, after[name])]


def test_each_phase_trains_what_it_should(run):
    assert len(Recorder.seen) == 11
    for step, (before, after) in enumerate(zip(Recorder.seen, Recorder.seen[1:], strict=False)):
        assert changed(before[0], after[0]), f"the network stands still at step {step}"
        assert bool(changed(before[1], after[1])) == (step >= 3), f"discriminators at step {step}"


def test_logged_values(run):
    folder, _ = run
    assert list(tiny.logged(folder, "train/discriminator")) == list(range(3, 10))
    assert list(tiny.logged(folder, "train/features")) == list(range(3, 10))
    for name in ("train/mel", "train/stft", "val/mel", "val/stft", "val/loss"):
        values = tiny.logged(folder, name).values()
        assert values and all(0 < value < math.inf for value in values), name
    assert all(value > 0 for value in tiny.logged(folder, "train/long_term").values())
    losses, mel, stft = (tiny.logged(folder, f"val/{name}") for name in ("loss", "mel", "stft"))
    assert losses == pytest.approx({step: 30 * mel[step] + 5 * stft[step] for step in mel}, rel=1e-4)


def test_checkpoint_holds_average_and_raw_of_both(run):
    stored = read_checkpoint(run[1])
    assert stored["global_step"] == 10 and len(stored["optimizer_states"]) == 2
    raw = {f"network.{name}": p for name, p in Recorder.seen[-1][0].items()}
    raw |= {f"discriminators.{name}": p for name, p in Recorder.seen[-1][1].items()}
    assert stored["raw_parameters"].keys() == raw.keys()
    assert all(torch.equal(p, stored["raw_parameters"][name]) for name, p in raw.items())
    module = load_module(run[1])
    assert any(not torch.equal(p, raw[f"network.{name}"]) for name, p in module.network.named_parameters())


def test_test_logs_the_same_measures(run, scoretap, capfd):
    assert scoretap("test", "--ckpt_path", run[1], "--trainer.accelerator=cpu")[0] == 0


def test_without_discriminators(configs, tmp_path):
    path = tiny.fit(configs, "vocoder", tmp_path, "--model.init_args.discriminators=null", "--trainer.max_epochs=1")
    stored = read_checkpoint(path)
    assert len(stored["optimizer_states"]) == 1 and not any("discriminators" in name for name in stored["state_dict"])


def test_discriminators_follow_their_own_schedule(configs, tmp_path):
    """Ten steps of the network, seven of which are adversarial."""
    settings = [f"--model.init_args.{name}optimization.schedule=one_cycle" for name in ("", "discriminator_")]
    stored = read_checkpoint(tiny.fit(configs, "vocoder", tmp_path, *settings))
    assert [schedule["total_steps"] for schedule in stored["lr_schedulers"]] == [10, 7]
    assert [schedule["last_epoch"] for schedule in stored["lr_schedulers"]] == [10, 7], "one step each per batch"


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        (["--trainer.gradient_clip_val=1.0"], "gradient_clip_val"),
        (["--data.init_args.front_end=lightning_modules.audio.LogMel"], "Waveform"),
    ],
)
def test_settings_that_cannot_train(settings, expected, configs, refused):
    tiny.check(refused(*tiny.fit_arguments(configs, "vocoder", "out", *settings)), [expected])


def test_half_precision_with_a_scaler_is_refused():
    module = VocoderModule(ConvNeXtISTFT(None, 8, 8, 1, 0))
    module.check_trainer(SimpleNamespace(gradient_clip_val=None, precision="bf16-mixed"))
    with pytest.raises(InputError, match="bf16-mixed"):
        module.check_trainer(SimpleNamespace(gradient_clip_val=None, precision="16-mixed"))


def test_clips_must_fit_the_mel():
    network = ConvNeXtISTFT(LogMel(8000, 8000, f_max=4000.0), 8, 8, 1, 0)
    with pytest.raises(ValueError, match=r"num_samples: 8000 against 16000; sample_rate: 8000 against 16000"):
        VocoderModule(network).check_data(None)
    VocoderModule(network, front_end=Waveform(8000, 8000)).check_data(None)


def test_degraded_mels_have_clean_targets(monkeypatch):
    """What is changed is what the network reads, never what it is compared with."""
    network, read = ConvNeXtISTFT(None, 8, 8, 1, 0), []
    module = VocoderModule(network, degradation=MelDegradation(1.0, noise=1.0))
    monkeypatch.setattr(network, "forward", lambda log_mel: read.append(log_mel) or torch.zeros(2, 16128))
    compared = []
    distance = lambda waveform, reference: compared.append(reference) or torch.ones(2)  # noqa: E731
    monkeypatch.setattr(module.mel_distance, "forward", distance)
    waveform = 0.1 * torch.randn(2, 16000)
    clean = module.log_mel(waveform)
    module.spectral_losses(waveform)
    assert torch.equal(compared[0], clean) and (read[0] - clean).abs().mean() > 0.1
