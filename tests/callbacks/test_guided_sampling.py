"""Pictures and sounds while training: to disk and to whatever logger is set."""

import numpy as np
import pytest
import soundfile
import tiny
import torch
import yaml

from callbacks import EMA, GuidedSampling
from lightning_modules import load_generator
from lightning_modules.checkpoints.reading import read_checkpoint
from lightning_modules.errors import InputError
from lightning_modules.tracking.media import log_audio, log_picture
from lightning_modules.tracking.pictures import read_png, save_mel_grid

DRAW = {"every_n_epochs": 2, "labels": [3, 1], "num_steps": 8, "seed": 5}


@pytest.fixture(scope="module")
def run(configs, classifier, tmp_path_factory):
    """Four epochs with a draw in every second, logged to TensorBoard where it is installed."""
    folder = tmp_path_factory.mktemp("sampling")
    callback = {"class_path": "callbacks.GuidedSampling", "init_args": DRAW}
    (folder / "draw.yaml").write_text(yaml.safe_dump({"trainer": {"callbacks+": [callback]}}))
    given = [f"--model.init_args.classifier={classifier}", "--trainer.max_epochs=4", "--config", folder / "draw.yaml"]
    return tiny.fit(configs, "score_subnet", folder, *given).parents[1]


def test_files_on_disk(run):
    found = sorted(str(path.relative_to(run / "samples")) for path in (run / "samples").rglob("*") if path.is_file())
    folders = [f"epoch={epoch}/guidance={scale}" for epoch in (1, 3) for scale in (0, 3)]
    expected = [f"{folder}/{label}.wav" for folder in folders for label in (1, 3)]
    assert found == sorted([*expected, "epoch=1/mels.png", "epoch=3/mels.png"]), "nothing temporary is left either"
    picture = read_png(run / "samples" / "epoch=3" / "mels.png")
    assert picture.ndim == 3 and picture.shape[2] == 3 and picture.std() > 0.05


def test_draws_are_those_of_the_averaged_weights(run):
    """The last draw equals what the saved checkpoint, which holds the average, draws with the same seeds."""
    waveforms, _ = load_generator(run / "checkpoints" / "last.ckpt").sample(
        [3, 1], guidance_scale=3.0, seed=5, num_steps=8
    )
    for label, waveform in zip((3, 1), waveforms, strict=True):
        written, rate = soundfile.read(run / "samples" / "epoch=3" / "guidance=3" / f"{label}.wav")
        assert rate == 16000
        np.testing.assert_allclose(written, waveform.numpy(), atol=1e-3)


def test_drawing_does_not_change_training(run, configs, classifier, tmp_path):
    given = [f"--model.init_args.classifier={classifier}", "--trainer.max_epochs=4"]
    plain = read_checkpoint(tiny.fit(configs, "score_subnet", tmp_path, *given))["state_dict"]
    for name, tensor in read_checkpoint(run / "checkpoints" / "last.ckpt")["state_dict"].items():
        assert torch.equal(tensor, plain[name]), name


def test_unguided_model_is_drawn_unguided(configs, tmp_path):
    callback = ["--trainer.callbacks+=callbacks.GuidedSampling", "--trainer.callbacks.every_n_epochs=1"]
    checkpoint = tiny.fit(
        configs,
        "unet",
        tmp_path,
        "--trainer.max_epochs=1",
        *callback,
        "--trainer.callbacks.num_steps=8",
        "--trainer.callbacks.labels=[2]",
    )
    drawn = [path.name for path in (checkpoint.parents[1] / "samples" / "epoch=0").iterdir()]
    assert sorted(drawn) == ["guidance=0", "mels.png"]


@pytest.mark.parametrize("settings", [{"every_n_epochs": 0}, {"labels": [10]}, {"labels": [-1]}])
def test_settings_are_checked(settings):
    with pytest.raises(InputError):
        GuidedSampling(**settings)


class Loggers:
    """A trainer with one logger."""

    global_step = 7

    def __init__(self, logger):
        self.loggers = [logger]


def test_tensorboard_gets_picture_and_sound(tmp_path):
    pytest.importorskip("tensorboard", reason="tensorboard is not installed")
    from lightning.pytorch.loggers import TensorBoardLogger
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    logger = TensorBoardLogger(tmp_path, "run", "")
    save_mel_grid(tmp_path / "mels.png", [("row", torch.rand(2, 80, 64))], ["3", "1"])
    log_picture(Loggers(logger), "samples/mels", tmp_path / "mels.png")
    log_audio(Loggers(logger), "samples/guidance=3", torch.zeros(2, 16000), ["digit 3", "digit 1"], 16000)
    logger.experiment.flush()
    events = EventAccumulator(str(tmp_path / "run")).Reload()
    assert events.Tags()["images"] == ["samples/mels"] and events.Images("samples/mels")[0].step == 7
    assert sorted(events.Tags()["audio"]) == ["samples/guidance=3/digit 1", "samples/guidance=3/digit 3"]


@pytest.mark.slow
def test_weights_and_biases_gets_picture_and_sound(tmp_path, monkeypatch):
    import wandb
    from lightning.pytorch.loggers import WandbLogger

    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_SILENT", "true")
    wandb.teardown()  # an earlier test of this process may have read other variables
    logger = WandbLogger(save_dir=str(tmp_path), project="scoretap", offline=True)
    save_mel_grid(tmp_path / "mels.png", [("row", torch.rand(1, 80, 64))], ["3"])
    log_picture(Loggers(logger), "samples/mels", tmp_path / "mels.png")
    log_audio(Loggers(logger), "samples/guidance=3", torch.zeros(1, 16000), ["digit 3"], 16000)
    logger.experiment.finish()
    stored = [path.suffix for path in (tmp_path / "wandb").rglob("files/media/**/*") if path.is_file()]
    assert ".png" in stored and ".wav" in stored


def test_ema_is_part_of_the_run(run):
    assert "raw_parameters" in read_checkpoint(run / "checkpoints" / "last.ckpt") and EMA
